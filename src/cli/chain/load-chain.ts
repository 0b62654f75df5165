import type { Chain } from '../../chain/planned-task.ts'
import { prepareChain } from '../../chain/prepare.ts'
import type { Diagnostic } from '../../config/diagnostic.ts'
import { type Configuration, loadConfiguration } from '../../config/load.ts'
import { findConfigFile } from '../../config/sources.ts'
import { isRoot, trustOf } from '../../system/trust.ts'
import { type ConfigOptions, filesOf, untrustedFiles } from '../config.ts'

/** A chain and its configuration; with an error among the findings they are incomplete. */
export interface LoadedChain {
  /** Absent when not even the configuration file could be read. */
  loaded?: { configuration: Configuration; chain: Chain }
  findings: Diagnostic[]
}

/** Loads the chain of a task directory, or of that of the configuration. */
export function loadChain(
  options: ConfigOptions,
  directory: string | undefined,
  env: NodeJS.ProcessEnv,
): LoadedChain {
  const configuration = loadConfiguration(findConfigFile(options.config, env), env, options.lenient)
  if (!configuration.ok) return { findings: configuration.failure }
  const { chain, findings } = prepareChain(configuration.value, {
    directory,
    env,
    lenient: options.lenient ?? false,
    // Root must not run files that others can change; any other user may run such files at their own risk.
    trust: options.insecurePermissions || !isRoot() ? undefined : trustOf(env),
  })
  const distrust = untrustedFiles(filesOf(configuration.value), options, env)
  const known = new Set(distrust.map(({ file }) => file))
  const others = findings.filter(({ reason, file }) => reason !== 'untrusted' || !known.has(file))
  return { loaded: { configuration: configuration.value, chain }, findings: [...others, ...distrust] }
}

export function hasErrors(findings: readonly Diagnostic[]): boolean {
  return findings.some(finding => finding.severity === 'error')
}
