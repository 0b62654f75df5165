/* What waits in queues: as SQL, and as the latest transactions have left it. */
import { type ExecutionRow, queueOf } from './store.ts'
import { columnsOf } from './tables.ts'

/** Characters of a definition that is read ahead and remembered, at most. */
export const longest = 4000

/** Those in queues, by their index: SQLite, which keeps no statistics, would look at all that are queued. */
const inQueues = 'FROM executions /* INDEXED BY executions_queued */'
export const waiting = "state = 'queued' AND kind <> 'script'"

/** `found`: the queues of a range, by the index from one to the next, however many wait in each. */
export const queuesIn = (from: string, to: string) => `WITH RECURSIVE found(queue) AS (
    SELECT min(queue) ${inQueues} WHERE ${waiting} AND ${from} AND ${to}
    UNION ALL
    SELECT (SELECT min(queue) ${inQueues} WHERE ${waiting} AND queue > found.queue AND ${to})
    FROM found WHERE found.queue IS NOT NULL)`

/** The queues in which something waits. */
export const queuesWaiting = `${queuesIn('true', 'true')} SELECT queue FROM found WHERE queue IS NOT NULL`

/** The first `$2` executions of the queue `$1`. */
export const headsWhere = `WHERE ${waiting} AND queue = $1 ORDER BY priority DESC, executions.seq LIMIT $2`
/** The same with the text of their definitions, as far as these are small. */
export const headsWithDefinitions = `SELECT heads.*, definitions.body AS definition
  FROM (SELECT ${columnsOf.executions}, seq, grp, priority FROM executions ${headsWhere}) AS heads
  LEFT JOIN definitions ON definitions.id = heads.grp AND length(definitions.body) <= ${longest}
  ORDER BY heads.priority DESC, heads.seq`

/** How many are read ahead of a queue at least, and of all queues together about. */
const readAhead = 200
const mostAhead = 2000
/** Of how many queues at once. */
const mostReads = 8
/** How many that wait are remembered. */
const mostRows = 20_000

interface List {
  /** The first of a queue, by priority and then age: one at least. */
  rows: ExecutionRow[]
  /** They are all. */
  whole: boolean
}

/** The queue in which an execution waits, if it does. */
export function waitsIn(row: ExecutionRow | undefined): string | undefined {
  return row?.state === 'queued' && row.kind !== 'script' ? queueOf(row) : undefined
}

/** Queues as they were read, and as what was put since has changed them. */
export class WaitingQueues {
  /** Those in which something waits; undefined where that is not known. */
  #names: Set<string> | undefined
  /** The queues that were used last stand last. */
  readonly #lists = new Map<string, List>()
  /** Those that are likely to be the names where these are not known. */
  #likely: ReadonlySet<string> = new Set()

  get areKnown(): boolean {
    return this.#names !== undefined
  }

  learnNames(names: readonly string[]): void {
    this.#names = new Set(names)
    for (const queue of this.#lists.keys()) if (!this.#names.has(queue)) this.#lists.delete(queue)
  }

  /** `rows` are the first of a queue. */
  learn(queue: string, rows: readonly ExecutionRow[], whole: boolean): void {
    this.#lists.delete(queue)
    if (rows.length > 0) {
      this.#names?.add(queue)
      this.#lists.set(queue, { rows: [...rows], whole })
    } else if (whole) this.#names?.delete(queue)
  }

  /**
   * What to read before about `limit` heads of each queue can be said for a while: of some queues, so many. The more
   * queues there are, the fewer of each, so that what is read now is still remembered when it is asked for.
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

  /** The queues in which something waits beside what has `left`; undefined where that is not known. */
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

  /** The first of a queue beside what has `left`; undefined where they are not known. */
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

  /** What was put last; `before`: as it was, undefined where it is new. */
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
    // Whether it was the last of them is not known.
    else this.#forgetNames()
  }

  #enter(queue: string, row: ExecutionRow, isNew: boolean): void {
    const isFirst = this.#names?.has(queue) === false
    this.#names?.add(queue)
    if (isFirst) this.learn(queue, [row], true)
    else if (isNew) this.#insert(queue, row)
    // Where one stands that comes back is known to the database.
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

  /** Forgets what waits in queues that were not used lately. */
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
