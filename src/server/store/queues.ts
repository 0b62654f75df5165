/* What waits in queues, as SQL. */
import type { ExecutionRow } from './store.ts'
import { columnsOf } from './tables.ts'

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
/** The same with the text of their definitions. */
export const headsWithDefinitions = `SELECT heads.*, definitions.body AS definition
  FROM (SELECT ${columnsOf.executions}, grp, priority FROM executions ${headsWhere}) AS heads
  LEFT JOIN definitions ON definitions.id = heads.grp ORDER BY heads.priority DESC, heads.seq`

/** What waited when a transaction began. */
export interface Queued {
  queues: string[]
  /** The first `limit` of some of the queues. */
  heads: ReadonlyMap<string, readonly ExecutionRow[]>
  limit: number
}

/** How many queues are remembered. */
const most = 8

/** Queues in which something waits, as far as it was seen: what is asked for first. */
export class LikelyQueues {
  names: readonly string[] = []

  /** Something came into this one. */
  add(queue: string): void {
    if (!this.names.includes(queue)) this.names = [queue, ...this.names].slice(0, most)
  }

  /** These are all. */
  replace(queues: readonly string[]): void {
    this.names = queues.slice(0, most)
  }
}
