import { formatDiagnostic } from '../config/diagnostic.ts'
import { loadConfiguration } from '../config/load.ts'
import type { ServerConfiguration } from '../config/server-section.ts'
import { findConfigFile } from '../config/sources.ts'
import { exitStatus } from '../exit-status.ts'
import type { Result } from '../result.ts'
import { backupStore, type Places, restoreStore } from '../server/store/backup.ts'
import { hasErrors } from './load-chain.ts'
import { sayError } from './say.ts'

export interface ServerBackupOptions {
  /** `-c`. */
  config?: string
  file: string
}

/** `runner server backup`: the whole store and its key in one file, while the server runs or not. */
export function serverBackupCommand(options: ServerBackupOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withStore(options, env, places => backupStore(places, options.file))
}

/** `runner server restore`: makes the store anew from such a file, where there is none. */
export function serverRestoreCommand(options: ServerBackupOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withStore(options, env, places => restoreStore(options.file, places))
}

async function withStore(
  { config }: ServerBackupOptions,
  env: NodeJS.ProcessEnv,
  action: (places: Places) => Promise<Result<void, string>>,
): Promise<number> {
  const loaded = loadConfiguration(findConfigFile(config, env), env)
  const findings = loaded.ok ? loaded.value.findings : loaded.failure
  if (!loaded.ok || hasErrors(findings)) {
    for (const finding of findings)
      if (finding.severity === 'error') sayError(`runner: ${formatDiagnostic(finding)}\n`)
    return exitStatus.config
  }
  const done = await action(placesOf(loaded.value.server))
  if (done.ok) return exitStatus.ok
  sayError(`runner: ${done.failure}\n`)
  return exitStatus.unavailable
}

function placesOf({ database, data_dir, key_file }: ServerConfiguration): Places {
  return {
    database: database.engine === 'sqlite' ? `sqlite:${database.path}` : database.url,
    dataDir: data_dir,
    keyFile: key_file,
  }
}
