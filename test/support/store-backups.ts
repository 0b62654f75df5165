/* Backups of the store of a test, as operators make them, and stores that are made from one. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { backupStore } from '../../src/store/sqlite/backup.ts'
import { restoreStore } from '../../src/store/sqlite/restore.ts'
import { command } from './command.ts'
import { postgresProgram } from './postgres.ts'

export interface StoreBackups {
  /** Writes a backup in the place of the one before, whether or not a server runs. */
  take(): Promise<void>
  /** Puts the latest backup in the place of the store, which nobody has open. */
  restore(): Promise<void>
}

/** Backups of a store whose key file is in the directory, where `makeServerRig` has put it. */
export function backupsOf(database: string, directory: string): StoreBackups {
  const keyFile = join(directory, 'server.key')
  return database.startsWith('sqlite:')
    ? ofSqlite({ database, keyFile }, join(directory, 'backup'))
    : ofPostgres(database, join(directory, 'dump'))
}

/** Backs up and restores as `runner server backup` and `runner server restore` do. */
function ofSqlite(places: { database: string; keyFile: string }, file: string): StoreBackups {
  const path = places.database.slice('sqlite:'.length)
  return {
    async take() {
      const made = await backupStore(places, file)
      if (!made.ok) throw new Error(made.failure)
    },
    async restore() {
      for (const rest of ['', '-wal', '-shm']) rmSync(path + rest, { force: true })
      rmSync(places.keyFile)
      const restored = await restoreStore(file, places)
      if (!restored.ok) throw new Error(restored.failure)
    },
  }
}

/** Backs up and restores as docs/how-to/move-to-postgresql.md says; the key file stays where it is. */
function ofPostgres(database: string, file: string): StoreBackups {
  const run = (name: string, ...args: string[]) => command(postgresProgram(name), args)
  return {
    async take() {
      await run('pg_dump', '--format=custom', '--schema=runner', `--file=${file}`, database)
    },
    async restore() {
      await run('psql', '-XAtq', '-c', 'DROP SCHEMA runner CASCADE', database)
      await run('pg_restore', `--dbname=${database}`, file)
    },
  }
}
