import { type Chain, prepareChain } from '../chain/prepare.ts'
import type { Diagnostic } from '../config/diagnostic.ts'
import { type Configuration, loadConfiguration } from '../config/load.ts'
import { findConfigFile } from '../config/sources.ts'
import { isRoot, trustOf } from '../process/trust.ts'
import { type ConfigOptions, filesOf, untrustedFiles } from './load-configuration.ts'

/** What the commands about the chain have in common. */
export interface ChainOptions extends ConfigOptions {
  /** The task directory on the command line. */
  directory?: string
}

/** A chain and its configuration, as far as they could be made out; with an error among the findings, no more. */
export interface LoadedChain {
  /** Absent when not even the configuration file could be read. */
  loaded?: { configuration: Configuration; chain: Chain }
  findings: Diagnostic[]
}

export function loadChain(options: ChainOptions, env: NodeJS.ProcessEnv): LoadedChain {
  const configuration = loadConfiguration(findConfigFile(options.config, env), env)
  if (!configuration.ok) return { findings: configuration.failure }
  const { chain, findings } = prepareChain(configuration.value, {
    ...(options.directory === undefined ? {} : { directory: options.directory }),
    env,
    // Root must not run what others can change; another user's tasks are its own affair.
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
