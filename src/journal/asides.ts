import type { Event } from '../event.ts'
import type { Journal } from './writer.ts'

/**
 * The way into the journal for what is told beside a run: by what shows it, before it has begun, and when it has
 * ended. Such events may come late, but they are on record.
 */
export class Asides {
  readonly #waiting: Event[] = []
  #journal: Journal | undefined

  /** Into the journal of the run that is under way, or has ended; before the first it waits. */
  write(event: Event): void {
    if (this.#journal === undefined) this.#waiting.push(event)
    else this.#journal.write(event)
  }

  /** To be called when a run has begun. Its journal stays open until the next, or until the process ends. */
  async begin(journal: Journal): Promise<void> {
    await this.#journal?.[Symbol.asyncDispose]()
    this.#journal = journal
    for (const event of this.#waiting.splice(0)) journal.write(event)
  }
}
