import { lineOf } from '../queue.ts'
import type { ExecutionRow } from '../rows.ts'
import type { SqlRow } from '../values.ts'
import { lineFound, nameOfLine } from './lines.ts'

/**
 * The number of executions that wait in each line: the count in the database, with all changes since that
 * count. A row that was damaged meanwhile still counts, so a line in the cache may be empty; a line that is
 * missing in the cache is empty.
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
