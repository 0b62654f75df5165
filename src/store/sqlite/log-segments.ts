import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { readdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorCode } from '../../result.ts'
import { makeDirectory, syncBeside } from '../../system/durable-file.ts'
import type { LogBytes, LogChanges, LogWrite, Query } from '../engine.ts'
import { StoreFailure } from '../failure.ts'
import type { SqlRow, SqlValue } from '../values.ts'
import { explainSqlite } from './failure.ts'

/** The size of a segment, a file with bytes of a log. */
export const segmentSize = 1 << 20

/** No log has an offset as high as this. */
const endOfAll = Number.MAX_SAFE_INTEGER

/** Runs a statement on the connection that writes, and returns its rows. */
type Run = (sql: string, ...params: SqlValue[]) => SqlRow[]

/**
 * Logs as files beside an SQLite database: `<first two characters>/<id>/<offset of its first byte>`. The row
 * of a log says how many bytes count: bytes after these were never committed, and the next write replaces
 * them.
 */
export class Segments implements LogBytes {
  readonly #root: string
  readonly #run: Run
  /** The offset up to which the segments of a log are dropped for good, as far as this process knows. */
  readonly #dropped = new Map<string, number>()
  /** The same for the batch that is under way, which may still fail. */
  readonly #dropping = new Map<string, number>()
  #trash = true
  #sweeping: Promise<void> | undefined

  constructor(root: string, run: Run) {
    this.#root = root
    this.#run = run
  }

  /**
   * The directory of the segments of a log. Throws a StoreFailure for an id that would lead to another
   * directory.
   */
  directory(id: string): string {
    if (!isLogId(id))
      throw new StoreFailure('damaged', `${JSON.stringify(id.slice(0, 80))} is not the id of a log`)
    return join(this.#root, id.slice(0, 2), id)
  }

  async append(query: Query, write: LogWrite, counted: number): Promise<LogWrite | undefined> {
    const { id, offset, bytes } = write
    const over = Math.max(0, Math.max(counted, await this.#length(query, id)) - offset)
    if (over < bytes.length)
      explained(() => this.#write({ id, offset: offset + over, bytes: bytes.subarray(over) }))
    return over === 0 ? undefined : { id, offset, bytes: bytes.subarray(0, over) }
  }

  async flush(query: Query, changes: LogChanges): Promise<void> {
    this.#dropping.clear()
    for (const write of changes.writes) explained(() => this.#write(write))
    for (const drop of changes.drops) await this.#drop(query, drop)
    await this.#sync(changes.syncs).catch(error => {
      throw explainSqlite(error)
    })
  }

  async read(query: Query, id: string, offset: number, length: number): Promise<Buffer> {
    const end = Math.min(offset + length, await this.#length(query, id))
    const bytes = Buffer.alloc(Math.max(0, end - offset))
    let filled = 0
    while (filled < bytes.length) {
      const at = offset + filled
      const start = at - (at % segmentSize)
      const wanted = Math.min(bytes.length - filled, start + segmentSize - at)
      const path = join(this.directory(id), String(start))
      const read = explained(() => readAt(path, bytes.subarray(filled, filled + wanted), at - start))
      filled += read
      if (read < wanted) break
    }
    return bytes.subarray(0, filled)
  }

  async remove(query: Query, ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#dropped.delete(id)
    for (const id of ids) await this.#discard(query, id, 0, endOfAll)
  }

  committed(): void {
    for (const [id, end] of this.#dropping) this.#dropped.set(id, end)
    this.#dropping.clear()
    if (!this.#trash || this.#sweeping !== undefined) return
    this.#trash = false
    this.#sweeping = this.#sweep().finally(() => {
      this.#sweeping = undefined
    })
  }

  /** Waits for files that are being removed. */
  async close(): Promise<void> {
    await this.#sweeping
  }

  async #length(query: Query, id: string): Promise<number> {
    const [row] = await query('SELECT length FROM logs WHERE id = $1', id)
    return (row?.length as number | undefined) ?? 0
  }

  #write({ id, offset, bytes }: LogWrite): void {
    const directory = this.directory(id)
    for (let written = 0; written < bytes.length; ) {
      const at = offset + written
      const start = at - (at % segmentSize)
      const piece = bytes.subarray(written, written + start + segmentSize - at)
      const fd = openForWriting(join(directory, String(start)))
      try {
        let done = 0
        while (done < piece.length) done += writeSync(fd, piece, done, piece.length - done, at - start + done)
      } finally {
        closeSync(fd)
      }
      written += piece.length
    }
  }

  /**
   * Puts every segment of these logs on disk, and its name. A directory that several logs share is synced
   * once.
   */
  async #sync(ids: ReadonlySet<string>): Promise<void> {
    const paths = new Set<string>()
    await Promise.all(
      [...ids].map(async id => {
        const directory = this.directory(id)
        const names = await segmentNames(directory)
        if (names.length === 0) return
        for (const name of names) paths.add(join(directory, name))
        for (const path of [directory, dirname(directory), this.#root]) paths.add(path)
      }),
    )
    await Promise.all(
      [...paths].map(async path => {
        try {
          await syncBeside(path)
        } catch (error) {
          // A log has dropped this segment, and the sweep has removed the file meanwhile.
          if (errorCode(error) !== 'ENOENT') throw error
        }
      }),
    )
  }

  /**
   * Puts the whole segments of a range on the list of files to remove, unless an earlier drop has done so.
   */
  async #drop(query: Query, { id, from, to }: LogChanges['drops'][number]): Promise<void> {
    const end = to - (to % segmentSize)
    const before = Math.max(this.#dropped.get(id) ?? 0, this.#dropping.get(id) ?? 0)
    if (from + segmentSize > end || end <= before) return
    this.#dropping.set(id, end)
    await this.#discard(query, id, from, end)
  }

  async #discard(query: Query, id: string, from: number, to: number): Promise<void> {
    this.#trash = true
    await query('INSERT INTO log_trash VALUES ($1, $2, $3)', id, from, to)
  }

  /** Removes the files that transactions have given up. A failure leaves the rest to the next start. */
  async #sweep(): Promise<void> {
    try {
      for (const { log_id, start, stop } of this.#run('SELECT * FROM log_trash')) {
        const [id, from, to] = [log_id as string, start as number, stop as number]
        await this.#removeFiles(id, from, to)
        this.#run('DELETE FROM log_trash WHERE log_id = $1 AND start = $2 AND stop = $3', id, from, to)
      }
    } catch {
      // The rows stay in the table, where the next start finds them.
    }
  }

  async #removeFiles(id: string, from: number, to: number): Promise<void> {
    if (!isLogId(id)) return
    const directory = this.directory(id)
    try {
      for (const name of await segmentNames(directory))
        if (Number(name) >= from && Number(name) + segmentSize <= to) await rm(join(directory, name))
      if (to === endOfAll) await rmdir(directory)
    } catch (error) {
      if (!['ENOENT', 'ENOTEMPTY'].includes(errorCode(error))) throw error
    }
  }
}

/** Whether an id can be the name of a directory; rows may come from a backup that somebody has changed. */
export const isLogId = (id: string): boolean => /^[0-9A-Za-z][0-9A-Za-z-]{0,63}$/.test(id)

/** The names of the segments of a log, the lowest offset first. */
export async function segmentNames(directory: string): Promise<string[]> {
  try {
    return (await readdir(directory)).sort((a, b) => Number(a) - Number(b))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

function openForWriting(path: string): number {
  const open = () => openSync(path, constants.O_WRONLY | constants.O_CREAT, 0o600)
  try {
    return open()
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error
    makeDirectory(dirname(path))
    return open()
  }
}

function readAt(path: string, into: Uint8Array, position: number): number {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 0
    throw error
  }
  try {
    let filled = 0
    while (filled < into.length) {
      const read = readSync(fd, into, filled, into.length - filled, position + filled)
      if (read === 0) break
      filled += read
    }
    return filled
  } finally {
    closeSync(fd)
  }
}

function explained<T>(action: () => T): T {
  try {
    return action()
  } catch (error) {
    throw explainSqlite(error)
  }
}
