import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Writes a file so that after a crash of the host there is the old one or the new one, whole. Mode 0600. Throws
 * system errors; then the old one stands.
 */
export function writeDurably(path: string, content: string): void {
  const part = `${path}.new`
  writeSynced(part, content)
  renameSync(part, path)
  syncDirectory(dirname(path))
}

/**
 * Writes what must last, where nothing stood before: with one sync of the disk's journal instead of two, as there is
 * nothing to keep. After a crash there is all of it, none, or a part; JSON that breaks off is none. Throws system
 * errors; then there is none. Mode 0600.
 */
export function writeFirst(path: string, content: string): void {
  try {
    writeSynced(path, content)
    syncDirectory(dirname(path))
  } catch (error) {
    rmSync(path, { force: true })
    throw error
  }
}

function writeSynced(path: string, content: string): void {
  const fd = openSync(path, 'w', 0o600)
  try {
    const bytes = Buffer.from(content)
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** Makes names in a directory last. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
