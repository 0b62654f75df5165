import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs'
import { errorText, fail, ok, type Result } from '../result.ts'

/** The size above which a file is not a configuration. */
const limit = 16 * 1024 * 1024

/**
 * The bytes of a regular file of at most 16 MiB, or of `/dev/null`. Nothing else is opened: opening a device
 * can do things, and a FIFO would wait. The failure has words that fit after a colon.
 */
export function readBounded(path: string | Buffer): Result<Uint8Array, { tooLarge: boolean; text: string }> {
  let descriptor: number | undefined
  try {
    const wrong = unfit(statSync(path))
    if (wrong !== undefined) return fail({ tooLarge: false, text: wrong })
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const stats = fstatSync(descriptor)
    const changed = unfit(stats)
    if (changed !== undefined) return fail({ tooLarge: false, text: changed })
    const bytes = readUpTo(descriptor, stats.size)
    if (bytes.length > limit) return fail({ tooLarge: true, text: 'it is larger than 16 MiB' })
    return ok(bytes)
  } catch (error) {
    return fail({ tooLarge: false, text: errorText(error) })
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}

function unfit(stats: Stats): string | undefined {
  if (stats.isFile()) return undefined
  if (stats.isDirectory()) return 'it is a directory'
  if (stats.isCharacterDevice() && stats.rdev === statSync('/dev/null').rdev) return undefined
  return 'it is not a regular file'
}

/** To the end of the file, whatever its size was said to be, but hardly further than the limit. */
function readUpTo(descriptor: number, expected: number): Buffer {
  const chunks: Buffer[] = []
  let total = 0
  while (total <= limit) {
    const chunk = Buffer.allocUnsafe(Math.min(Math.max(expected - total, 0), limit) + 4096)
    const count = readSync(descriptor, chunk)
    if (count === 0) break
    chunks.push(chunk.subarray(0, count))
    total += count
  }
  return Buffer.concat(chunks)
}
