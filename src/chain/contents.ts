import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { errorCode, errorText, fail, ok, type Result } from '../result.ts'

/** The contents of one file: SHA-256 in hexadecimal, or null if there is no file. */
export type Digest = string | null

/**
 * The digest of a regular file, read to its end whatever size it says it has, as files in /proc need. Fails,
 * with words that fit after a colon, where the contents cannot be known.
 */
export function digestOf(path: string): Result<Digest, string> {
  let fd: number | undefined
  try {
    // Opening a FIFO would wait for a writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    if (!fstatSync(fd).isFile()) return fail('it is not a regular file')
    const hash = process.getBuiltinModule('node:crypto').createHash('sha256')
    const buffer = Buffer.allocUnsafe(65536)
    for (let length = readSync(fd, buffer); length > 0; length = readSync(fd, buffer))
      hash.update(buffer.subarray(0, length))
    return ok(hash.digest('hex'))
  } catch (error) {
    const code = errorCode(error)
    return code === 'ENOENT' || code === 'ENOTDIR' ? ok(null) : fail(errorText(error))
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}
