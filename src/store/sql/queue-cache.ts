/* The statements that find queued executions, and the cache of the heads of queues. */

import { queueOf } from '../queue.ts'
import type { ExecutionRow } from '../rows.ts'
import { columnsOf } from '../tables.ts'

/** The most characters of a definition that is read ahead and remembered. */
export const longest = 4000

/**
 * The queued executions, by their index: SQLite keeps no statistics, and would read all queued executions
 * without it.
 */
const inQueues = 'FROM executions /* INDEXED BY executions_queued */'
export const waiting = "state = 'queued' AND kind <> 'script'"

/**
 * Makes `found`, the names of the queues in a range. It jumps in the index from one queue to the next,
 * however many executions wait in each.
 */
export const queuesIn = (from: string, to: string) => `WITH RECURSIVE found(queue) AS (
    SELECT min(queue) ${inQueues} WHERE ${waiting} AND ${from} AND ${to}
    UNION ALL
    SELECT (SELECT min(queue) ${inQueues} WHERE ${waiting} AND queue > found.queue AND ${to})
    FROM found WHERE found.queue IS NOT NULL)`

/**
 * The range of the queues of a runner group: the name of a queue begins with the group and a space, and `!`
 * is the character after the space.
 */
export const queuesOf = (runnerGroup: string): [from: string, to: string] => [
  `${runnerGroup} `,
  `${runnerGroup}!`,
]

/** The queues in which something waits. */
export const queuesWaiting = `${queuesIn('true', 'true')} SELECT queue FROM found WHERE queue IS NOT NULL`

/** The first `$2` executions of the queue `$1`. */
export const headsWhere = `WHERE ${waiting} AND queue = $1 ORDER BY priority DESC, executions.seq LIMIT $2`
/** The same, with the texts of their definitions where these are short. */
export const headsWithDefinitions = `SELECT heads.*, definitions.body AS definition
  FROM (SELECT ${columnsOf.executions}, seq, grp, priority FROM executions ${headsWhere}) AS heads
  LEFT JOIN definitions ON definitions.id = heads.grp AND length(definitions.body) <= ${longest}
  ORDER BY heads.priority DESC, heads.seq`

/**
 * The number of executions that are read ahead from each queue, and the approximate number for all queues
 * together.
 */
const readAhead = 200
const mostAhead = 2000
/** The most queues that one batch reads. */
const mostReads = 8
/** The most queued executions that are remembered. */
const mostRows = 20_000

interface List {
  /** The first executions of a queue, by priority and then age: one at least. */
  rows: ExecutionRow[]
  /** `rows` has all executions of the queue. */
  whole: boolean
}

/** The queue in which an execution waits, if it does. */
export function waitsIn(row: ExecutionRow | undefined): string | undefined {
  return row?.state === 'queued' && row.waits === null && row.kind !== 'script' ? queueOf(row) : undefined
}

/**
 * The heads of queues: as the database had them when they were read, with the changes that were put since.
 */
export class QueueCache {
  /** The names of the queues in which something waits; undefined where they are not known. */
  #names: Set<string> | undefined
  /** The lists by queue; the queue that was used last is the last one. */
  readonly #lists = new Map<string, List>()
  /** The names as they were last known: they say what to read while `#names` is undefined. */
  #likely: ReadonlySet<string> = new Set()

  get areKnown(): boolean {
    return this.#names !== undefined
  }

  learnNames(names: readonly string[]): void {
    this.#names = new Set(names)
    for (const queue of this.#lists.keys()) if (!this.#names.has(queue)) this.#lists.delete(queue)
  }

  /** `rows` are the first executions of a queue; `whole`: they are all. */
  learn(queue: string, rows: readonly ExecutionRow[], whole: boolean): void {
    this.#lists.delete(queue)
    if (rows.length > 0) {
      this.#names?.add(queue)
      this.#lists.set(queue, { rows: [...rows], whole })
    } else if (whole) this.#names?.delete(queue)
  }

  /**
   * The queues to read, and how many rows of each, so that `limit` heads of each queue are known for several
   * batches. The more queues there are, the fewer rows are read of each: `trim` would forget more rows before
   * anybody asks for them.
   */
  unread(limit: number): { queues: string[]; count: number } {
    const names = this.#names ?? this.#likely
    const share = Math.ceil(mostAhead / Math.max(1, names.size))
    const count = Math.min(Math.max(2 * limit, readAhead), share)
    const queues: string[] = []
    for (const queue of names) {
      if (queues.length === mostReads) break
      const list = this.#lists.get(queue)
      if (list === undefined || (!list.whole && list.rows.length < Math.min(limit, count / 2)))
        queues.push(queue)
    }
    return { queues, count }
  }

  /**
   * The queues in which something waits, apart from the executions in `left`; undefined where they are not
   * known.
   */
  names(left: ReadonlySet<string>): string[] | undefined {
    if (this.#names === undefined) return undefined
    const names: string[] = []
    for (const queue of this.#names) {
      const list = this.#lists.get(queue)
      const stays = list === undefined ? left.size === 0 : list.rows.some(({ id }) => !left.has(id))
      if (stays) names.push(queue)
      else if (!list?.whole) return undefined
    }
    return names.sort()
  }

  /** The first executions of a queue, apart from those in `left`; undefined where they are not known. */
  heads(queue: string, limit: number, left: ReadonlySet<string>): ExecutionRow[] | undefined {
    const list = this.#lists.get(queue)
    if (list === undefined) return this.#names?.has(queue) === false ? [] : undefined
    this.#lists.delete(queue)
    this.#lists.set(queue, list)
    const rows: ExecutionRow[] = []
    for (const row of list.rows) {
      if (rows.length === limit) break
      if (!left.has(row.id)) rows.push(row)
    }
    return rows.length === limit || list.whole ? rows : undefined
  }

  /**
   * Takes in an execution that was put. `before` is the row that it replaces, undefined for a new execution.
   */
  put(row: ExecutionRow, before: ExecutionRow | undefined): void {
    const [from, to] = [waitsIn(before), waitsIn(row)]
    if (from !== undefined && from === to && before!.priority === row.priority) this.#replace(from, row)
    else {
      if (from !== undefined) this.#leave(from, row.id)
      if (to !== undefined) this.#enter(to, row, before === undefined)
    }
  }

  #replace(queue: string, row: ExecutionRow): void {
    const rows = this.#lists.get(queue)?.rows
    const index = rows?.findIndex(({ id }) => id === row.id) ?? -1
    if (index >= 0) rows![index] = row
  }

  #leave(queue: string, id: string): void {
    const list = this.#lists.get(queue)
    const index = list?.rows.findIndex(row => row.id === id) ?? -1
    if (index >= 0) list!.rows.splice(index, 1)
    if (list !== undefined && list.rows.length > 0) return
    this.#lists.delete(queue)
    if (list?.whole) this.#names?.delete(queue)
    // The execution may have been the last one of its queue.
    else this.#forgetNames()
  }

  #enter(queue: string, row: ExecutionRow, isNew: boolean): void {
    const isFirst = this.#names?.has(queue) === false
    this.#names?.add(queue)
    if (isFirst) this.learn(queue, [row], true)
    else if (isNew) this.#insert(queue, row)
    // Only the database knows the place of an execution that comes back into its queue.
    else this.#lists.delete(queue)
  }

  #insert(queue: string, row: ExecutionRow): void {
    const list = this.#lists.get(queue)
    if (list === undefined) return
    const behind = list.rows.findLastIndex(({ priority }) => priority >= row.priority) + 1
    if (behind === list.rows.length && !list.whole) return
    list.rows.splice(behind, 0, row)
  }

  #forgetNames(): void {
    this.#likely = this.#names ?? this.#likely
    this.#names = undefined
  }

  /** Forgets the heads of the queues that were used longest ago, where too many rows are remembered. */
  trim(): void {
    let rows = 0
    for (const list of this.#lists.values()) rows += list.rows.length
    for (const [queue, list] of this.#lists) {
      if (rows <= mostRows) return
      rows -= list.rows.length
      this.#lists.delete(queue)
    }
  }

  clear(): void {
    this.#forgetNames()
    this.#lists.clear()
  }
}
