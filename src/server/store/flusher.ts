import type { Client } from 'pg'
import { explainPostgres } from './postgres-failure.ts'

/** A change that is nobody's; its own transaction. */
const flush = {
  name: 'flush',
  text: `INSERT INTO meta (id, body) VALUES ('synced', '{"key":"synced","value":""}')
    ON CONFLICT (id) DO UPDATE SET body = excluded.body`,
}

/**
 * A connection that waits for the disk: a commit of its own has all there that was committed before it. What is waited
 * for must have been committed since it was made: a server that crashes loses what is not on disk yet, and ends it.
 */
export class Flusher {
  readonly #client: Client
  #this: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor(client: Client) {
    this.#client = client
  }

  /** Resolves when all that has been committed is on disk: one commit serves all who ask while another is under way. */
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

  /** Calls back when it is lost. */
  onEnd(listener: () => void): void {
    this.#client.on('error', listener).on('end', listener)
  }

  /** Ends it when nobody waits any more. */
  async end(): Promise<void> {
    await (this.#next ?? this.#this)?.catch(() => {})
    await this.#client.end()
  }
}
