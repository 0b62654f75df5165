import { dirname, resolve } from 'node:path'
import type { ServerConfiguration } from '../config/server-section.ts'
import { exitStatus } from '../exit-status.ts'
import { fail, type Result } from '../result.ts'
import { backupStore, type Places, restoreStore } from '../server/store/backup.ts'
import { type ConfigOptions, loadSound, unfitDirectories, unfitStore } from './load-configuration.ts'
import { sayError } from './say.ts'

export interface ServerBackupOptions extends ConfigOptions {
  file: string
}

/** `runner server backup`: the whole store and its key in one file, while the server runs or not. */
export function serverBackupCommand(options: ServerBackupOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withStore(options, env, async places => {
    // The file has every secret in it, and is written by its name.
    const problem = unfitDirectories([dirname(resolve(options.file))], options)
    return problem === undefined ? backupStore(places, options.file) : fail(problem)
  })
}

/** `runner server restore`: makes the store anew from such a file, where there is none. */
export function serverRestoreCommand(options: ServerBackupOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withStore(options, env, places => restoreStore(options.file, places))
}

async function withStore(
  options: ServerBackupOptions,
  env: NodeJS.ProcessEnv,
  action: (places: Places) => Promise<Result<void, string>>,
): Promise<number> {
  const loaded = loadSound(options, env)
  if (loaded === undefined) return exitStatus.config
  const unfit = unfitStore(loaded.server, options)
  const done = unfit === undefined ? await action(placesOf(loaded.server)) : fail(unfit)
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
