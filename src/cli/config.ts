import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { untrusted } from '../chain/permissions.ts'
import { type Diagnostic, formatDiagnostic } from '../config/diagnostic.ts'
import { type Configuration, includeDir, loadConfiguration } from '../config/load.ts'
import type { ServerConfiguration } from '../config/sections/server.ts'
import { findConfigFile } from '../config/sources.ts'
import { sayError } from '../report/say.ts'
import { fail, ok, type Result } from '../result.ts'
import { trustOf, unfitForRoot } from '../system/trust.ts'

/** Options about the configuration of every command. */
export interface ConfigOptions {
  /** `-c`. */
  config?: string
  /** `--insecure-permissions`. */
  insecurePermissions?: boolean
  /** build-runner's spelling of the command line: its files are read as it did. */
  lenient?: boolean
}

/**
 * The configuration in force, for every command but the look-ups: refused where an untrusted user could have
 * written it, since it names the programs to run, the files to write and the server that gets this host's
 * tokens.
 */
export function loadTrusted(
  options: ConfigOptions,
  env: NodeJS.ProcessEnv,
): Result<Configuration, Diagnostic[]> {
  const file = findConfigFile(options.config, env)
  // The main file is checked before it is read, so that it cannot name files to be read; then all files are
  // checked.
  const before = file !== undefined && existsSync(file) ? untrustedFiles([file], options, env) : []
  if (before.length > 0) return fail(before)
  const loaded = loadConfiguration(file, env, options.lenient)
  if (!loaded.ok) return loaded
  const after = untrustedFiles(filesOf(loaded.value), options, env)
  return after.length > 0 ? fail(after) : ok(loaded.value)
}

/**
 * The files of a configuration, and its `include_dir`, which has to be trusted even while it is empty; one
 * that is not there is complained of already.
 */
export const filesOf = (configuration: Configuration): string[] => [
  ...configuration.files,
  ...includeDir(configuration).filter(existsSync),
]

/** The findings about configuration files that untrusted users may have written. */
export function untrustedFiles(
  files: readonly string[],
  { insecurePermissions }: ConfigOptions,
  env: NodeJS.ProcessEnv,
): Diagnostic[] {
  if (insecurePermissions) return []
  // In a directory with the sticky bit, a file that is gone after it was read may have belonged to anybody.
  const gone = files.filter(file => !existsSync(file))
  const message = 'was removed while it was read'
  const hint = 'do it again'
  return [
    ...untrusted(files, trustOf(env)),
    ...gone.map(file => ({ severity: 'error', reason: 'untrusted', file, message, hint }) as const),
  ]
}

/** The reason why a command must not keep files in directories, and the remedy; undefined where it may. */
export function unfitDirectories(
  paths: readonly string[],
  { insecurePermissions }: ConfigOptions,
): string | undefined {
  return insecurePermissions ? undefined : unfitForRoot(paths)
}

/** Prints why a command must not use directories; gives whether it must not. */
export function refusesDirectories(paths: readonly string[], options: ConfigOptions): boolean {
  const unfit = unfitDirectories(paths, options)
  if (unfit !== undefined) sayError(`runner: ${unfit}\n`)
  return unfit !== undefined
}

/** The same for the store of a server: its directory, its database and its key, and where these two are. */
export function unfitStore(
  { database, data_dir, key_file }: Pick<ServerConfiguration, 'database' | 'data_dir' | 'key_file'>,
  options: ConfigOptions,
): string | undefined {
  const around = (file: string) => [dirname(file), file]
  const sqlite =
    database.engine === 'sqlite' ? [...around(database.path), join(dirname(database.path), 'locks')] : []
  return unfitDirectories(
    [data_dir, ...sqlite, ...around(key_file)].map(path => resolve(path)),
    options,
  )
}

/**
 * The same for a command that uses nothing of a configuration with errors: says them, and gives nothing then.
 */
export function loadSound(options: ConfigOptions, env: NodeJS.ProcessEnv): Configuration | undefined {
  const loaded = loadTrusted(options, env)
  const findings = loaded.ok ? loaded.value.findings : loaded.failure
  const errors = findings.filter(({ severity }) => severity === 'error')
  sayFindings(errors)
  return loaded.ok && errors.length === 0 ? loaded.value : undefined
}

/** Says findings about the configuration, each on a line of its own. */
export function sayFindings(findings: readonly Diagnostic[]): void {
  for (const finding of findings) sayError(`runner: ${formatDiagnostic(finding)}\n`)
}
