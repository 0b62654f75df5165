/* Times before the lines of a log. */
import type { Client } from '../../protocol/client/client.ts'
import type { ClientFailure } from '../../protocol/client/client-failure.ts'
import type { LogTime } from '../../protocol/messages/executions.ts'
import { localTime } from '../../report/local-time.ts'
import { defined, type Result } from '../../result.ts'
import { collectPages } from './pages.ts'

const lineFeed = 0x0a
const blank = ' '.repeat('2026-12-01 03:16:17 '.length)

/** Puts before each line the time at which the server got its first byte; blanks where that is not known. */
export class Stamps {
  readonly #client: Client
  readonly #id: string
  #times: LogTime[] = []
  /** All times of the bytes before this offset are known. */
  #known = 0
  #begins = true

  constructor(client: Client, id: string) {
    this.#client = client
    this.#id = id
  }

  /** Whether a time of the log is known. */
  get hasSome(): boolean {
    return this.#times.length > 0
  }

  /** Reads the times of a log that has so many bytes. */
  async read(length: number): Promise<Result<unknown, ClientFailure>> {
    const last = this.#times.at(-1)?.offset
    const more = await collectPages(({ limit, after = last === undefined ? undefined : `${last}` }) =>
      this.#client.call('logTimes', { params: { id: this.#id }, query: { limit, ...defined({ after }) } }),
    )
    if (!more.ok) return more
    this.#times.push(...more.value)
    this.#known = length
    return more
  }

  /** A piece of the log at an offset, with its times; the piece before it must have come before. */
  async add(bytes: Uint8Array, offset: number): Promise<Uint8Array> {
    const end = offset + bytes.length
    if (end > this.#known) await this.read(end)
    const parts: Uint8Array[] = []
    for (let from = 0; from < bytes.length; ) {
      if (this.#begins) parts.push(Buffer.from(this.#before(offset + from)))
      const feed = bytes.indexOf(lineFeed, from)
      this.#begins = feed >= 0
      const to = feed < 0 ? bytes.length : feed + 1
      parts.push(bytes.subarray(from, to))
      from = to
    }
    return Buffer.concat(parts)
  }

  #before(offset: number): string {
    while ((this.#times[1]?.offset ?? Number.POSITIVE_INFINITY) <= offset) this.#times.shift()
    const time = this.#times[0]
    return time === undefined || time.offset > offset || offset >= this.#known
      ? blank
      : `${localTime(time.at)} `
  }
}
