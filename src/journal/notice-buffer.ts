import type { Event } from '../event.ts'
import type { Journal } from './writer.ts'

/**
 * The way into the journal for events that come from outside the chain: from a view, before a run has begun,
 * or when it has ended. Such events may be late in the journal, but they are on record.
 */
export class NoticeBuffer {
  readonly #waiting: Event[] = []
  #journal: Journal | undefined

  /** Writes into the journal of the latest run; before the first run, the event waits for it. */
  write(event: Event): void {
    if (this.#journal === undefined) this.#waiting.push(event)
    else this.#journal.write(event)
  }

  /**
   * Takes the journal of a run that has begun. It stays open until the next one, or until the process ends.
   */
  async begin(journal: Journal): Promise<void> {
    await this.#journal?.[Symbol.asyncDispose]()
    this.#journal = journal
    for (const event of this.#waiting.splice(0)) journal.write(event)
  }
}
