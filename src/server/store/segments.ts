import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { open, readdir, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeDirectory } from '../../journal/files.ts'
import { errorCode } from '../../result.ts'
import type { Answer, LogBytes, LogChanges, LogWrite, Query, Value } from './engine.ts'
import { StoreFailure } from './failure.ts'
import { explainSqlite } from './sqlite-failure.ts'

/** How many bytes of a log are in one file. */
export const segmentSize = 1 << 20

/** Offsets from here on are of no log. */
const endOfAll = Number.MAX_SAFE_INTEGER

/** Runs a statement on the connection that writes, at once. */
type Run = (sql: string, ...params: Value[]) => Answer[]

/**
 * Logs as files beside an SQLite database: `<first two characters>/<id>/<offset of its first byte>`. The row of a
 * log says how much of it counts. What is beyond that was never committed, and is written over.
 */
export class Segments implements LogBytes {
  readonly #root: string
  readonly #run: Run
  /** Up to where logs have been dropped, as far as this process knows. */
  readonly #dropped = new Map<string, number>()
  #trash = true
  #sweeping: Promise<void> | undefined

  constructor(root: string, run: Run) {
    this.#root = root
    this.#run = run
  }

  /** Where the segments of a log are. Throws a StoreFailure where its id would lead elsewhere. */
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

  /** Has every segment of these logs on disk, and their names: what logs share once for all of them. */
  async #sync(ids: ReadonlySet<string>): Promise<void> {
    const paths = new Set<string>()
    await Promise.all(
      [...ids].map(async id => {
        const directory = this.directory(id)
        const names = await listed(directory)
        if (names.length === 0) return
        for (const name of names) paths.add(join(directory, name))
        for (const path of [directory, dirname(directory), this.#root]) paths.add(path)
      }),
    )
    await Promise.all(
      [...paths].map(async path => {
        try {
          await using file = await open(path)
          await file.sync()
        } catch (error) {
          // Given up meanwhile, since it was dropped from the log.
          if (errorCode(error) !== 'ENOENT') throw error
        }
      }),
    )
  }

  /** Gives up the whole segments of a range, as far as that was not done before. */
  async #drop(query: Query, { id, from, to }: LogChanges['drops'][number]): Promise<void> {
    const end = to - (to % segmentSize)
    if (from + segmentSize > end || end <= (this.#dropped.get(id) ?? 0)) return
    this.#dropped.set(id, end)
    await this.#discard(query, id, from, end)
  }

  async #discard(query: Query, id: string, from: number, to: number): Promise<void> {
    this.#trash = true
    await query('INSERT INTO log_trash VALUES ($1, $2, $3)', id, from, to)
  }

  /** Removes the files that transactions have given up. One that cannot be removed is tried again at the next start. */
  async #sweep(): Promise<void> {
    for (const { log_id, start, stop } of this.#run('SELECT * FROM log_trash')) {
      const [id, from, to] = [log_id as string, start as number, stop as number]
      try {
        if (!isLogId(id)) throw Object.assign(new Error('there is no such log'), { code: 'ENOENT' })
        const directory = this.directory(id)
        for (const name of await listed(directory))
          if (Number(name) >= from && Number(name) + segmentSize <= to) await rm(join(directory, name))
        if (to === endOfAll) await rmdir(directory)
      } catch (error) {
        if (!['ENOENT', 'ENOTEMPTY'].includes(errorCode(error))) return
      }
      try {
        this.#run('DELETE FROM log_trash WHERE log_id = $1 AND start = $2 AND stop = $3', id, from, to)
      } catch {
        return
      }
    }
  }
}

/** Whether an id can be the name of a directory; rows may come from a backup that somebody has changed. */
export const isLogId = (id: string): boolean => /^[0-9A-Za-z][0-9A-Za-z-]{0,63}$/.test(id)

/** The names of segments, in their order. */
export async function listed(directory: string): Promise<string[]> {
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
