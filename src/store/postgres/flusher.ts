import type { Client } from 'pg'
import { explainPostgres } from './failure.ts'

/** A change of a row that nobody reads, in a transaction of its own. */
const flush = {
  name: 'flush',
  text: `INSERT INTO meta (id, body) VALUES ('synced', '{"key":"synced","value":""}')
    ON CONFLICT (id) DO UPDATE SET body = excluded.body`,
}

/**
 * A connection that waits for the disk: its own commit puts every earlier commit on disk too. The connection
 * must be older than the commits that it waits for: PostgreSQL loses unwritten commits only by a crash, which
 * ends the connection too.
 */
export class Flusher {
  readonly #client: Client
  #this: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(client: Client) {
    this.#client = client
  }

  /**
   * Resolves when all earlier commits are on disk. Calls that come while a flush is under way share the next
   * flush.
   */
  flushed(): Promise<void> {
    this.#next ??= this.#flush(this.#this)
    return this.#next
  }

  async #flush(before: Promise<void> | undefined): Promise<void> {
    await before?.catch(() => {})
    this.#this = this.#next
    this.#next = undefined
    try {
      await this.#client.query(flush)
    } catch (error) {
      throw explainPostgres(error)
    }
  }

  /** Calls back when the connection is lost. */
  onEnd(listener: () => void): void {
    this.#client.on('error', listener).on('end', listener)
  }

  /** Ends the connection when no call waits any more. */
  async end(): Promise<void> {
    await (this.#next ?? this.#this)?.catch(() => {})
    await this.#client.end()
  }
}
