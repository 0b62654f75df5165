/* When the lines of a log came to the server. */
import type { LogTime, LogTimeList } from '../../protocol/messages/executions.ts'
import type { Server } from '../server.ts'
import { localTime, utcTime } from '../texts.ts'

/** A time as a line shows it. */
export interface Stamp {
  at: string
  local: string
  utc: string
}

/** The times of a log, as far as they were read. */
export class LogTimes {
  readonly #read: (after: number) => Promise<LogTime[]>
  readonly #entries: { offset: number; stamp: Stamp }[] = []
  #wasRead = false

  constructor(read: (after: number) => Promise<LogTime[]>) {
    this.#read = read
  }

  /** The server has said that it has none. */
  get isMissing(): boolean {
    return this.#wasRead && this.#entries.length === 0
  }

  /** Reads those that have come meanwhile. */
  async more(): Promise<void> {
    const last = () => this.#entries.at(-1)?.offset ?? -1
    // Another read may have brought some of them meanwhile.
    for (const { offset, at } of (await this.#read(last())).filter(({ offset }) => offset > last()))
      this.#entries.push({
        offset,
        stamp: { at, local: localTime(at).slice(0, '2026-12-01 03:16:17'.length), utc: utcTime(at) },
      })
    this.#wasRead = true
  }

  /** The time at which the byte at an offset came; undefined: it is not known. */
  of(offset: number): Stamp | undefined {
    return this.#entries.findLast(entry => entry.offset <= offset)?.stamp
  }
}

/** Reads the times of the log of an execution, which has fewer than a page of them. */
export const timesOf = (server: Server, id: string, signal: AbortSignal): LogTimes =>
  new LogTimes(async after => {
    const path = `/v1/executions/${encodeURIComponent(id)}/log/times?limit=1000&after=${after}`
    return (await server.get<LogTimeList>(path, signal)).items
  })
