import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

const mode = 0o600

/**
 * Writes a file so that after a crash of the host there is the old one or the new one, whole. Mode 0600. Throws
 * system errors; then the old one stands.
 */
export function writeDurably(path: string, content: string): void {
  const part = `${path}.new`
  writeFileSync(part, content, { mode })
  sync(part)
  renameSync(part, path)
  sync(dirname(path))
}

/**
 * Writes what must last, where nothing stood before: with one commit of the disk's journal instead of two, as there is
 * nothing to keep. After a crash of the host there is all of it, none, or a part; JSON that breaks off is none. Mode
 * 0600. Throws system errors; then there is none.
 */
export function writeFirstDurably(path: string, content: string): void {
  writeFirst(path, content)
  try {
    makeLast(path)
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  }
}

/** The same, for a crash of this process alone; `makeLast` does the rest. */
export function writeFirst(path: string, content: string): void {
  try {
    writeFileSync(path, content, { mode })
  } catch (error) {
    rmSync(path, { force: true })
    throw error
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
