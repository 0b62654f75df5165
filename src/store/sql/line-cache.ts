import { lineOf } from '../queue.ts'
import type { ExecutionRow } from '../rows.ts'
import type { SqlRow } from '../values.ts'
import { lineFound, nameOfLine } from './lines.ts'

/**
 * How many executions wait in each line: as the database had them when they were counted, with the changes
 * that were put since. A row that was damaged meanwhile still counts, so a line that is here may be empty; a
 * line that is not here is empty.
 */
export class LineCache {
  #counts: Map<string, number> | undefined

  get areKnown(): boolean {
    return this.#counts !== undefined
  }

  /** `counts` are all lines (`countsOfLines`). */
  learn(counts: readonly SqlRow[]): void {
    this.#counts = new Map(counts.map(row => [nameOfLine(lineFound(row)), row.n as number]))
  }

  has(name: string): boolean {
    return this.#counts?.has(name) === true
  }

  /** Takes in an execution that was put in the place of `before`; undefined: there is none. */
  put(row: ExecutionRow | undefined, before: ExecutionRow | undefined): void {
    if (this.#counts === undefined) return
    this.#add(before, -1)
    this.#add(row, 1)
  }

  #add(row: ExecutionRow | undefined, by: 1 | -1): void {
    const line = row && lineOf(row)
    if (line === undefined) return
    const name = nameOfLine(line)
    const count = (this.#counts!.get(name) ?? 0) + by
    if (count > 0) this.#counts!.set(name, count)
    else this.#counts!.delete(name)
  }

  clear(): void {
    this.#counts = undefined
  }
}
