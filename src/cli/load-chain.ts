import { type Chain, prepareChain } from '../chain/prepare.ts'
import type { Diagnostic } from '../config/diagnostic.ts'
import { type Configuration, loadConfiguration } from '../config/load.ts'
import { findConfigFile } from '../config/sources.ts'

/** What the commands about the chain have in common. */
export interface ChainOptions {
  /** `-c`. */
  config?: string
  /** The task directory on the command line. */
  directory?: string
  /** `--insecure-permissions`. */
  insecurePermissions?: boolean
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
    trust: options.insecurePermissions ? undefined : callerToTrust(env),
  })
  return { loaded: { configuration: configuration.value, chain }, findings }
}

/** Root must not run what others can change; whoever became root by sudo(8) may own it. */
function callerToTrust(env: NodeJS.ProcessEnv): { caller: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  return { caller: Number(env.SUDO_UID ?? 0) || 0 }
}

export function hasErrors(findings: readonly Diagnostic[]): boolean {
  return findings.some(finding => finding.severity === 'error')
}
