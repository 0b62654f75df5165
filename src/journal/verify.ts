import type { Hash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { errorCode, errorText } from '../result.ts'
import type { HookRecord, TryRecord } from './run-record.ts'

/** The state of the log of a try. */
export interface LogVerdict {
  /**
   * `cut`: shorter than it was when the try ended. `changed`: other bytes. `open`: the try has no end on
   * record.
   */
  verdict: 'whole' | 'cut' | 'changed' | 'missing' | 'unreadable' | 'not-kept' | 'open'
  /** Bytes that processes in the background wrote after the end of the try. */
  late_bytes: number
  message?: string
}

/** Compares a log with the facts that the journal has of it. */
export function verifyLog({ ended, late_bytes }: TryRecord | HookRecord, runEnded: boolean): LogVerdict {
  if (ended === undefined) return { verdict: 'open', late_bytes: 0 }
  const { file, size, sha256 } = ended.log
  if (file === undefined || size === undefined)
    return { verdict: ended.log.bytes === 0 ? 'whole' : 'not-kept', late_bytes }
  let fd: number
  try {
    fd = openSync(file, 'r')
  } catch (error) {
    const verdict = errorCode(error) === 'ENOENT' ? 'missing' : 'unreadable'
    return { verdict, late_bytes: 0, message: errorText(error) }
  }
  try {
    const now = fstatSync(fd).size
    if (now < size) return { verdict: 'cut', late_bytes: 0, message: `${now} of ${size} bytes are there` }
    const more = now - size
    if (sha256Of(fd, size) !== sha256) return { verdict: 'changed', late_bytes: 0 }
    if (runEnded && more > late_bytes)
      return { verdict: 'changed', late_bytes, message: `${more - late_bytes} bytes have been added` }
    return { verdict: 'whole', late_bytes: more }
  } finally {
    closeSync(fd)
  }
}

/** SHA-256 of a file, in hexadecimal; undefined where it cannot be read. */
export function sha256OfFile(path: string): string | undefined {
  let fd: number | undefined
  try {
    fd = openSync(path, 'r')
    return sha256Of(fd, fstatSync(fd).size)
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

function sha256Of(fd: number, size: number): string {
  const hash: Hash = process.getBuiltinModule('node:crypto').createHash('sha256')
  const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(size, 1024 * 1024)))
  for (let at = 0; at < size; ) {
    const length = readSync(fd, buffer, 0, Math.min(buffer.length, size - at), at)
    if (length === 0) break
    hash.update(buffer.subarray(0, length))
    at += length
  }
  return hash.digest('hex')
}
