import { closeSync, constants, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { syncBeside } from '../journal/files.ts'

const mode = 0o600
/** A link that somebody has put there is not followed. */
const own = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW

/**
 * Writes a file so that after a crash of the host there is the old one or the new one, whole. Mode 0600. Throws
 * system errors; then the old one stands.
 */
export function writeDurably(path: string, content: string): void {
  const part = `${path}.new`
  write(part, content)
  sync(part)
  renameSync(part, path)
  sync(dirname(path))
}

/**
 * Writes what is to last, where nothing stood before, for a crash of this process alone; `makeLast` or `makeAllLast` do
 * the rest. After a crash of the host there is all of it, none, or a part; JSON that breaks off is none. Mode 0600.
 * Throws system errors; then there is none.
 */
export function writeFirst(path: string, content: string): void {
  try {
    write(path, content)
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  }
}

function write(path: string, content: string): void {
  const fd = openSync(path, own, mode)
  try {
    writeFileSync(fd, content)
  } finally {
    closeSync(fd)
  }
}

/** Makes a file last that was written before, and its name. Throws system errors. */
export function makeLast(path: string): void {
  sync(path)
  sync(dirname(path))
}

/** Of a directory: makes the names in it last. */
export function sync(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Makes files last, and the names in directories, beside what else this process does: all at once, so that one commit of
 * the disk's journal serves them all. Rejects with system errors.
 */
export async function makeAllLast(paths: readonly string[]): Promise<void> {
  await Promise.all(paths.map(syncBeside))
}
