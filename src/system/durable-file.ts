/*
 * Files that last, in directories that only this user writes to: identity, key, spool, store. After a crash
 * of the host each is the old one or the new one, never a part. Where others may write to the directory, use
 * replace-file.ts.
 */
import {
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fdatasync,
  fsync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { errorCode } from '../result.ts'

const privateMode = 0o600
const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_TRUNC } = constants

/**
 * Replaces a file, or makes it, mode 0600: content and name are on disk when this returns. One process at a
 * time may write it. Throws system errors; then the old file stands.
 */
export function writeDurably(path: string, content: string | Uint8Array): void {
  const draft = `${path}.new`
  write(draft, content, O_TRUNC)
  sync(draft)
  renameSync(draft, path)
  sync(dirname(path))
}

/**
 * Makes a file, mode 0600, where there is none, even if another process does the same at this moment: content
 * and name are on disk when this returns. Throws system errors, `EEXIST` among them; then there is what was
 * there before.
 */
export function createDurably(path: string, content: string | Uint8Array): void {
  const draft = `${path}.${process.pid}.new`
  rmSync(draft, { force: true })
  try {
    write(draft, content, O_EXCL)
    sync(draft)
    linkSync(draft, path)
  } finally {
    rmSync(draft, { force: true })
  }
  sync(dirname(path))
}

/**
 * Copies a file over another one, or to where none is; the copy is on disk when this returns. Throws system
 * errors.
 */
export function copyDurably(from: string, to: string, mode: number): void {
  const draft = `${to}.${process.pid}.new`
  try {
    copyFileSync(from, draft)
    // Before the mode, which may keep this process from opening it.
    sync(draft)
    chmodSync(draft, mode)
    renameSync(draft, to)
    sync(dirname(to))
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}

/**
 * Puts a finished draft in the place of a file while this process goes on: its content is on disk before its
 * name says so, and both are when this resolves. Rejects with system errors.
 */
export async function renameDurably(draft: string, path: string): Promise<void> {
  await syncBeside(draft)
  renameSync(draft, path)
  await syncBeside(dirname(path))
}

/**
 * Writes a file, mode 0600, where nothing stood before, for a crash of this process alone: `makeLast` or
 * `makeAllLast` makes it last. After a crash of the host before that, there is all of it, none, or a part;
 * JSON that breaks off counts as none. Throws system errors; then there is none.
 */
export function writeFirst(path: string, content: string): void {
  try {
    write(path, content, O_TRUNC)
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  }
}

/**
 * Writes a file and follows no link that somebody has put there. `how`: O_TRUNC, or O_EXCL where there must
 * be none.
 */
function write(path: string, content: string | Uint8Array, how: number): void {
  const fd = openSync(path, O_WRONLY | O_CREAT | O_NOFOLLOW | how, privateMode)
  try {
    writeFileSync(fd, content)
  } finally {
    closeSync(fd)
  }
}

/** Makes a file that was written before last, and its name. Throws system errors. */
export function makeLast(path: string): void {
  sync(path)
  sync(dirname(path))
}

/** Returns when a file, or the names in a directory, are on disk. Throws system errors. */
export function sync(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Makes files last, and the names in directories, while this process goes on: all at once, so that one commit
 * of the disk's journal serves them all. Rejects with system errors.
 */
export async function makeAllLast(paths: readonly string[]): Promise<void> {
  await Promise.all(paths.map(syncBeside))
}

/** Resolves when a file, or the names in a directory, are on disk. Rejects with system errors. */
export async function syncBeside(path: string): Promise<void> {
  const fd = openSync(path, 'r')
  try {
    await promisify(fsync)(fd)
  } finally {
    closeSync(fd)
  }
}

/** Resolves when what was appended to an open file is on disk (fdatasync(2)). Rejects with system errors. */
export const syncAppended: (fd: number) => Promise<void> = promisify(fdatasync)

/**
 * Makes a directory and those above it, mode 0700; one that is there is fine. Throws system errors. Node's
 * own recursive mkdir never ends where a directory is there and none can be made in it, as in /proc.
 */
export function makeDirectory(path: string): void {
  const make = () => {
    try {
      mkdirSync(path, { mode: 0o700 })
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
      if (!statSync(path).isDirectory())
        throw Object.assign(new Error('it is not a directory'), { code: 'EEXIST' })
    }
  }
  try {
    make()
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error
    makeDirectory(dirname(path))
    make()
  }
}
