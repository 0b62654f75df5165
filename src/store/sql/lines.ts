/* The statements that find the executions that wait for others (queue.ts), and those for which they wait. */

import { type Line, lineOf } from '../queue.ts'
import type { ExecutionRow } from '../rows.ts'
import type { SqlRow, SqlValue } from '../values.ts'

/** The attempts of the job `$2` in the namespace `$1` that have not ended, and do not wait for a turn. */
export const activeWhere = `/* INDEXED BY executions_active */
  WHERE namespace = $1 AND job_name = $2 AND job_name IS NOT NULL AND ended_at IS NULL
    AND state <> 'queued.turn'`

/** The runs of the job `$2` in the namespace `$1` that wait for a turn. */
export const turnWhere = `/* INDEXED BY executions_turn */
  WHERE state = 'queued.turn' AND namespace = $1 AND job_name = $2`

/** The same but for those that catch up: they do not count for the limit of their job. */
export const countedTurnWhere = `/* INDEXED BY executions_turn_counted */
  WHERE state = 'queued.turn' AND catch_up IS NULL AND namespace = $1 AND job_name = $2`

/** The attempts with the key `$2` in the namespace `$1` that count for the limit of the key. */
export const keyWhere = `/* INDEXED BY executions_key */ WHERE namespace = $1 AND concurrency_key = $2
  AND concurrency_key IS NOT NULL AND ended_at IS NULL AND state NOT IN ('queued.turn', 'queued.key')`

/** The runs that wait for the key `$2` in the namespace `$1`. */
export const keyTurnWhere = `/* INDEXED BY executions_key_turn */
  WHERE state = 'queued.key' AND namespace = $1 AND concurrency_key = $2`

const turns = `SELECT 'turn' AS waits, namespace, job_name AS line, count(*) AS n
  FROM executions /* INDEXED BY executions_turn */ WHERE state = 'queued.turn'`
const keyTurns = `SELECT 'key' AS waits, namespace, concurrency_key AS line, count(*) AS n
  FROM executions /* INDEXED BY executions_key_turn */ WHERE state = 'queued.key'`

/** Each line with the number of executions that wait in it. */
export const countsOfLines = `SELECT waits, namespace, line, CAST(n AS integer) AS n FROM (
  ${turns} GROUP BY namespace, job_name UNION ALL ${keyTurns} GROUP BY namespace, concurrency_key) AS counted`

/** The first `$4` lines after the one that `$1` (waits), `$2` (namespace) and `$3` name. */
export const linesAfter = `SELECT waits, namespace, line FROM (
    ${keyTurns} AND ('key', namespace, concurrency_key) > ($1, $2, $3) GROUP BY namespace, concurrency_key
    UNION ALL
    ${turns} AND ('turn', namespace, job_name) > ($1, $2, $3) GROUP BY namespace, job_name) AS found
  ORDER BY waits, namespace, line LIMIT $4`

/** The first three parameters of `linesAfter`; without a line all lines are found. */
export const paramsAfter = (line: Line | undefined): SqlValue[] =>
  line === undefined ? ['', '', ''] : [line.waits, line.namespace, line.of]

export const lineFound = ({ waits, namespace, line }: SqlRow): Line => ({
  waits: waits as Line['waits'],
  namespace: namespace as string,
  of: line as string,
})

/** One text for a line. */
export const nameOfLine = ({ waits, namespace, of }: Line): string => `${waits} ${namespace} ${of}`

/** Whether an execution waits in the line of this name. */
export function isIn(name: string, row: ExecutionRow): boolean {
  const line = lineOf(row)
  return line !== undefined && nameOfLine(line) === name
}
