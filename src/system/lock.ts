import {
  closeSync,
  constants,
  existsSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { defined, fail, ok, type Result } from '../result.ts'
import { makeDirectory } from './durable-file.ts'
import { openFiles } from './open-files.ts'

/** The holder of a lock. */
export interface Holder {
  pid: number
  boot_id: string
  /** RFC 3339, UTC. */
  since: string
}

/** The note beside a lock. */
interface Note extends Holder {
  task_dir: string
  /** Where the state directory was when the lock was taken. */
  state_dir: string
  /** Earlier releases left their notes. */
  removed_at_exit?: true
}

/** A lock that is held until it is released, or its process has ended in whatever way. */
export interface Lock {
  /** The holder before, if it was killed, so that nobody heard how its run ended. */
  killed?: Holder
  /** Ends the lock, and removes its note. */
  release(): void
  /**
   * Ends the lock; its note stays until the process exits, so that the next holder knows whether it got
   * there.
   */
  releaseKeepingNote(): void
}

/**
 * Takes the lock of a task directory, or names its holder (undefined if the note cannot be read). The lock is
 * an exclusive transaction on an SQLite file, so it is free the moment its process is gone, after SIGKILL
 * too, and tasks do not inherit it. Its holder keeps a note about itself open: by the open file others find
 * the holder even if the state directory has been removed or moved since. The process removes the note with
 * the lock, or as the last thing that it does, so a note that is left shows that its process was killed.
 * Throws system errors.
 */
export function takeLock(state: string, taskDir: string, me: Holder): Result<Lock, Holder | undefined> {
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite')
  makeDirectory(join(state, 'locks'))
  const path = join(state, 'locks', lockName(taskDir))
  const note: Note = { ...me, task_dir: taskDir, state_dir: realpathSync(state), removed_at_exit: true }
  if (!existsSync(`${path}.db`)) {
    const holder = findHolder(`${basename(path)}.json`, note)
    if (holder !== undefined) return fail(holder)
  }
  // SQLite follows a link.
  if (lstatSync(`${path}.db`, { throwIfNoEntry: false })?.isFile() === false)
    throw new Error(`${path}.db is not a regular file: remove it`)
  const database = new DatabaseSync(`${path}.db`, { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if ((error as { errcode?: number }).errcode === busy) return fail(readNote(`${path}.json`))
    throw error
  }
  const killed = readNote(`${path}.json`)
  const close = leaveNote(`${path}.json`, note)
  const remove = () => removeNote(`${path}.json`, note)
  process.once('exit', remove)
  const releaseKeepingNote = () => {
    database.close()
    close()
  }
  return ok({
    ...defined({ killed: killed?.removed_at_exit ? killed : undefined }),
    release() {
      process.off('exit', remove)
      // Before another process can take the lock and leave its own.
      remove()
      releaseKeepingNote()
    },
    releaseKeepingNote,
  })
}

/** SQLITE_BUSY (sqlite.org/rescode.html). */
const busy = 5

/** Finds the holder of a lock whose file is not at its place. */
function findHolder(file: string, { state_dir, task_dir }: Note): Holder | undefined {
  for (const { pid, name, path } of openFiles()) {
    if (!name.endsWith(`/${file}`) && !name.endsWith(`/${file} (deleted)`)) continue
    const note = readNote(path)
    if (note?.pid === pid && note.state_dir === state_dir && note.task_dir === task_dir) return note
  }
  return undefined
}

/**
 * Keeps the note open until it is closed. A note that finds no room on the disk is left out; the lock needs
 * none.
 */
function leaveNote(path: string, note: Note): () => void {
  let fd: number | undefined
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
    ftruncateSync(fd)
    writeFileSync(fd, `${JSON.stringify(note)}\n`)
  } catch {
    // The process holds the lock all the same.
  }
  return () => {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Unless another process has taken the lock meanwhile, and left a note of its own. */
function removeNote(path: string, { pid, since }: Note): void {
  const left = readNote(path)
  try {
    if (left?.pid === pid && left.since === since) rmSync(path)
  } catch {
    // It stays, and says at worst that this process was killed.
  }
}

function readNote(path: string): Note | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Note
  } catch {
    return undefined
  }
}

/**
 * One file name for each task directory: the end of its path for people, 64 bits of FNV-1a to tell them
 * apart.
 */
function lockName(taskDir: string): string {
  let hash = 0xcbf29ce484222325n
  for (const byte of Buffer.from(taskDir)) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  const name = basename(taskDir)
    .replace(/[^\w.-]/g, '_')
    .slice(0, 80)
  return `${name}-${hash.toString(16).padStart(16, '0')}`
}
