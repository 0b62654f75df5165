import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Writes a file so that after a crash of the host there is the old one or the new one, whole. Mode 0600. Throws
 * system errors; then the old one stands.
 */
export function writeDurably(path: string, content: string): void {
  const part = `${path}.new`
  const fd = openSync(part, 'w', 0o600)
  try {
    const bytes = Buffer.from(content)
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done)
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(part, path)
  syncDirectory(dirname(path))
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
