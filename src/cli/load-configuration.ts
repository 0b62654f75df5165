import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { untrusted } from '../chain/permissions.ts'
import { includeDir } from '../chain/prepare.ts'
import { type Diagnostic, formatDiagnostic } from '../config/diagnostic.ts'
import { type Configuration, loadConfiguration } from '../config/load.ts'
import type { ServerConfiguration } from '../config/server-section.ts'
import { findConfigFile } from '../config/sources.ts'
import { trustOf, unfitForRoot } from '../process/trust.ts'
import { fail, ok, type Result } from '../result.ts'
import { sayError } from './say.ts'

/** Which configuration counts, and whether others may have written it. */
export interface ConfigOptions {
  /** `-c`. */
  config?: string
  /** `--insecure-permissions`. */
  insecurePermissions?: boolean
}

/**
 * The configuration in force, for every command but the look-ups: refused where somebody could have written it who
 * is not trusted, since it says what is run, which files are written and which server gets this host's tokens.
 */
export function loadTrusted(
  options: ConfigOptions,
  env: NodeJS.ProcessEnv,
): Result<Configuration, Diagnostic[]> {
  const file = findConfigFile(options.config, env)
  // Before it is read, so that it cannot name files to be read; and all of them afterwards.
  const before = file !== undefined && existsSync(file) ? untrustedFiles([file], options, env) : []
  if (before.length > 0) return fail(before)
  const loaded = loadConfiguration(file, env)
  if (!loaded.ok) return loaded
  const after = untrustedFiles(filesOf(loaded.value), options, env)
  return after.length > 0 ? fail(after) : ok(loaded.value)
}

/** The files of a configuration, and the directory that it includes, which counts while it is empty, too. */
export const filesOf = (configuration: Configuration): string[] => [
  ...configuration.files,
  ...includeDir(configuration),
]

/** What stands against believing configuration files. */
export function untrustedFiles(
  files: readonly string[],
  { insecurePermissions }: ConfigOptions,
  env: NodeJS.ProcessEnv,
): Diagnostic[] {
  if (insecurePermissions) return []
  // In a directory with the sticky bit, a file that has been read and is gone was somebody's who can be anybody.
  const gone = files.filter(file => !existsSync(file))
  const message = 'was removed while it was read'
  const hint = 'do it again'
  return [
    ...untrusted(files, trustOf(env)),
    ...gone.map(file => ({ severity: 'error', reason: 'untrusted', file, message, hint }) as const),
  ]
}

/** Why a command must not use directories where it keeps files, with what mends it; undefined where all is well. */
export function unfitDirectories(
  paths: readonly string[],
  { insecurePermissions }: ConfigOptions,
): string | undefined {
  return insecurePermissions ? undefined : unfitForRoot(paths)
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

/** The same for a command that uses nothing of a configuration with errors: says them, and gives nothing then. */
export function loadSound(options: ConfigOptions, env: NodeJS.ProcessEnv): Configuration | undefined {
  const loaded = loadTrusted(options, env)
  const findings = loaded.ok ? loaded.value.findings : loaded.failure
  const errors = findings.filter(({ severity }) => severity === 'error')
  for (const error of errors) sayError(`runner: ${formatDiagnostic(error)}\n`)
  return loaded.ok && errors.length === 0 ? loaded.value : undefined
}
