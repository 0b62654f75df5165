import { type Change, type ChangesRow, joined, subjectOf } from '../../store/change.ts'

/** A change with its number. */
export interface NumberedChange {
  number: number
  change: Change
}

/** Changes that have been read and not sent: of each thing the latest one, in the order of their numbers. */
export class PendingChanges {
  readonly #changes = new Map<string, NumberedChange>()

  get size(): number {
    return this.#changes.size
  }

  /** The number of the first one. */
  get first(): number | undefined {
    for (const { number } of this.#changes.values()) return number
    return undefined
  }

  /** Takes the changes of a commit that are behind a number. */
  add({ number: last, changes }: ChangesRow, after: number): void {
    const list = changes ?? []
    for (const [index, change] of list.entries()) {
      const number = last - list.length + 1 + index
      if (number <= after) continue
      const subject = subjectOf(change)
      const earlier = this.#changes.get(subject)
      // The later one moves to the end.
      this.#changes.delete(subject)
      this.#changes.set(subject, { number, change: joined(earlier?.change, change) })
    }
  }

  /** Takes the first ones out, at most so many. */
  take(most: number): NumberedChange[] {
    const taken: NumberedChange[] = []
    for (const [subject, change] of this.#changes) {
      if (taken.length === most) break
      taken.push(change)
      this.#changes.delete(subject)
    }
    return taken
  }

  clear(): void {
    this.#changes.clear()
  }
}
