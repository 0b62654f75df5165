import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fail, ok, type Result } from '../result.ts'
import { makeDirectory } from './files.ts'

/** Who holds a lock. */
export interface Holder {
  pid: number
  boot_id: string
  /** RFC 3339, UTC. */
  since: string
}

/** A lock that is held until it is released, or its process has ended in whatever way. */
export interface Lock {
  release(): void
}

/**
 * Takes the lock of a task directory, or says who has it (undefined where that cannot be read). It is an
 * exclusive transaction on an SQLite file, so it is free the moment its process is gone, after SIGKILL too, and
 * tasks do not inherit it. Throws system errors.
 */
export function takeLock(state: string, taskDir: string, me: Holder): Result<Lock, Holder | undefined> {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  makeDirectory(join(state, 'locks'))
  const path = join(state, 'locks', lockName(taskDir))
  const database = new DatabaseSync(`${path}.db`, { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if ((error as { errcode?: number }).errcode === busy) return fail(readHolder(`${path}.json`))
    throw error
  }
  writeFileSync(`${path}.json`, `${JSON.stringify({ ...me, task_dir: taskDir })}\n`, { mode: 0o600 })
  return ok({ release: () => database.close() })
}

/** SQLITE_BUSY (sqlite.org/rescode.html). */
const busy = 5

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder
  } catch {
    return undefined
  }
}

/** One file name for each task directory: the end of its path for people, 64 bits of FNV-1a to tell them apart. */
function lockName(taskDir: string): string {
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(taskDir)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  const name = basename(taskDir)
    .replace(/[^\w.-]/g, '_')
    .slice(0, 80)
  return `${name}-${hash.toString(16).padStart(16, '0')}`
}
