/* Statements on a connection to PostgreSQL, and the few that put many rows. */
import { Socket } from 'node:net'
import type { Client, PoolClient } from 'pg'
import type { Query, RowsToPut } from '../engine.ts'
import type { Encoded } from '../row-encoding.ts'
import { eachTable, type TableName, tableNames, typesOf, upsertFrom } from '../tables.ts'
import type { SqlRow } from '../values.ts'
import { explainPostgres } from './failure.ts'

/** A socket that sends all writes of one turn of the event loop by one system call. */
export function gatheringSocket(): Socket {
  const socket = new Socket()
  const write = socket.write.bind(socket) as (...args: unknown[]) => boolean
  let gathers = false
  const gather = (...args: unknown[]) => {
    if (!gathers) {
      gathers = true
      socket.cork()
      process.nextTick(() => {
        gathers = false
        socket.uncork()
      })
    }
    return write(...args)
  }
  // Connecting restores the original `write`, so the replacement follows it.
  return socket.once('connect', () => Object.assign(socket, { write: gather }))
}

/**
 * The number of statements that a connection compiles: each combination of filters of a list is a statement
 * of its own.
 */
const mostNames = 300

/**
 * Runs statements on a connection. PostgreSQL compiles each once, under a name that lasts until the
 * connection ends. Statements that are started together are sent together (`pipeline`).
 */
export function queryOn(client: Client | PoolClient): Query {
  const names = new Map<string, { name: string; text: string }>()
  return async (sql, ...values) => {
    let statement = names.get(sql)
    if (statement === undefined) {
      const text = sql.replace(/\bTEXTS\((\$\d+)\)/g, 'jsonb_array_elements_text($1::jsonb)')
      statement = { name: `s${names.size}`, text }
      if (names.size < mostNames) names.set(sql, statement)
      else statement = { name: '', text }
    }
    try {
      return (await client.query<SqlRow>({ ...statement, values })).rows
    } catch (error) {
      throw explainPostgres(error)
    }
  }
}

/** Runs a text of several statements without parameters; resolves to the rows of the last one. */
export async function execute(client: Client | PoolClient, text: string): Promise<SqlRow[]> {
  try {
    const results = await client.query(text)
    return ([results].flat().at(-1)?.rows ?? []) as SqlRow[]
  } catch (error) {
    throw explainPostgres(error)
  }
}

/**
 * The statement that puts the rows of a table, before and after the number of the parameter that has them.
 */
const upserts = eachTable(name => {
  const columns = typesOf[name].map(column => column.join(' ')).join(', ')
  const names = typesOf[name].map(([column]) => column).join(', ')
  const source = `SELECT ${names} FROM json_to_recordset(CAST($# AS json)) AS rows (${columns})`
  return upsertFrom(name, source).split('#')
})
const upsertOf = (name: TableName, parameter: number): string => upserts[name].join(String(parameter))

/** A statement that puts rows of several tables, each of which is a parameter. */
function upsertOfAll(names: readonly TableName[]): string {
  const parts = names.map((name, index) => upsertOf(name, index + 1))
  const last = parts.pop()!
  if (parts.length === 0) return last
  return `WITH ${parts.map((part, i) => `t${i} AS (${part})`).join(', ')} ${last}`
}

/** The size of the rows in one statement, in characters, about. */
const statementSize = 8 << 20

/**
 * Puts rows by as few statements as `statementSize` allows: each costs as much as the rows of a small batch.
 */
export async function putRows(query: Query, all: RowsToPut): Promise<void> {
  let size = 0
  for (const rows of all.values()) for (const { body } of rows) size += (body as string).length
  if (size <= statementSize) {
    const names = tableNames.filter(name => all.has(name))
    await query(upsertOfAll(names), ...names.map(name => JSON.stringify(all.get(name))))
  } else await Promise.all([...all].map(([table, rows]) => putPieces(query, table, rows)))
}

async function putPieces(query: Query, table: TableName, rows: readonly Encoded[]): Promise<void> {
  const statements: Promise<unknown>[] = []
  let from = 0
  let size = 0
  for (const [index, { body }] of rows.entries()) {
    size += (body as string).length
    if (size <= statementSize && index < rows.length - 1) continue
    statements.push(query(upsertOf(table, 1), JSON.stringify(rows.slice(from, index + 1))))
    from = index + 1
    size = 0
  }
  await Promise.all(statements)
}
