import { heldStates } from '../../protocol/states.ts'
import type { Answer, Engine, LogChanges, LogWrite, Query, Transaction, Value } from './engine.ts'
import type { ExecutionRow, WriteOptions } from './store.ts'
import {
  columnsOf,
  decode,
  idempotencyId,
  type Rows,
  type TableName,
  tableNames,
  upsertOf,
} from './tables.ts'

type Known = { [T in TableName]: Map<string, Rows[T] | undefined> }
export type Encoded = Record<string, Value>

/** About how many characters go into one statement. */
const statementSize = 8 << 20

/**
 * The transaction of a batch: what its writers have read and put so far, which goes to the database in bulk when it
 * is committed, or when a statement has to see it.
 */
export class Work {
  #now = 0
  readonly logs: LogChanges = { writes: [], drops: [], syncs: new Set() }
  /** Whether the commit waits for the disk. */
  durable: boolean
  /** All bytes that have been put, to be seen by those who read them. */
  readonly written: LogWrite[] = []
  readonly #engine: Engine
  readonly #transaction: Transaction
  readonly #known = Object.fromEntries(tableNames.map(name => [name, new Map()])) as unknown as Known
  readonly #unwritten = new Map<TableName, Map<string, Encoded>>()
  /** Runners of which every held execution is known. */
  readonly #heldKnown = new Set<string>()
  /** The order of executions; new ones come after all others. */
  readonly #order = new Map<string, number>()
  #last = Number.MAX_SAFE_INTEGER / 2
  #error: unknown

  constructor(engine: Engine, transaction: Transaction, durable: boolean) {
    this.durable = durable
    this.#engine = engine
    this.#transaction = transaction
  }

  get now(): number {
    return this.#now
  }

  /** The first error of a statement: then nothing of this can be kept, whatever the writers have made of it. */
  get error(): unknown {
    return this.#error
  }

  readonly query: Query = async (sql, ...params) => {
    try {
      return await this.#transaction.query(sql, ...params)
    } catch (error) {
      this.#error ??= error
      throw error
    }
  }

  /** Begins, and reads what the writers of a batch will ask for: one round trip. */
  async begin(hints: readonly WriteOptions[]): Promise<void> {
    const wanted: [TableName, string[]][] = [
      ['executions', hints.flatMap(({ executions = [] }) => executions)],
      ['runners', hints.flatMap(({ runners = [] }) => runners)],
      ['definitions', hints.flatMap(({ definitions = [] }) => definitions)],
      ['logs', hints.flatMap(({ logs = [] }) => logs)],
      ['jobs', hints.flatMap(({ jobs = [] }) => jobs)],
      ['groups', hints.flatMap(({ groups = [] }) => groups)],
      [
        'idempotency',
        hints.flatMap(({ idempotency = [] }) =>
          idempotency.map(({ token_id, key }) => idempotencyId(token_id, key)),
        ),
      ],
    ]
    const held = [...new Set(hints.flatMap(({ held = [] }) => held))]
    const loads = wanted.map(([table, ids]) => this.loadAll(table, ids))
    if (held.length > 0) loads.push(this.#loadHeld(held))
    const begun = this.#transaction.begun
    // A row that cannot be read is the failure of the writer that asks for it, not of those beside it.
    await Promise.allSettled([begun, ...loads])
    const now = await begun
    if (this.#error !== undefined) throw this.#error
    this.#now = now
  }

  /** Reads rows that are not known yet. */
  async loadAll(table: TableName, wanted: readonly string[]): Promise<void> {
    const ids = [...new Set(wanted)].filter(id => !this.#known[table].has(id))
    if (ids.length === 0) return
    const sql = `SELECT ${columnsOf[table]} FROM ${table} WHERE id IN (SELECT value FROM TEXTS($1))`
    this.learn(table, await this.query(sql, JSON.stringify(ids)))
    for (const id of ids) if (!this.#known[table].has(id)) this.#known[table].set(id, undefined)
  }

  async #loadHeld(runnerIds: string[]): Promise<void> {
    const sql = `SELECT ${columnsOf.executions} FROM executions /* INDEXED BY executions_held */
      WHERE state IN ('reserved', 'running', 'aborting') AND runner_id IN (SELECT value FROM TEXTS($1))`
    this.learn('executions', await this.query(sql, JSON.stringify(runnerIds)))
    for (const id of runnerIds) this.#heldKnown.add(id)
  }

  /** What is held by runners, where that can be said without asking the database. */
  held(runnerIds: readonly string[], own: ReadonlyMap<string, ExecutionRow>): ExecutionRow[] | undefined {
    if (!runnerIds.every(id => this.#heldKnown.has(id))) return undefined
    const wanted = new Set(runnerIds)
    const rows: ExecutionRow[] = []
    const take = (row: ExecutionRow | undefined) => {
      if (row?.runner_id && wanted.has(row.runner_id) && heldStates.includes(row.state)) rows.push(row)
    }
    for (const [id, row] of this.#known.executions) if (!own.has(id)) take(row)
    for (const row of own.values()) take(row)
    const place = (row: ExecutionRow) => this.#order.get(row.id) ?? Number.POSITIVE_INFINITY
    return rows.sort((a, b) => place(a) - place(b) || 0)
  }

  /** A row by its id. */
  async get<T extends TableName>(table: T, id: string): Promise<Rows[T] | undefined> {
    const known = this.#known[table]
    if (!known.has(id)) await this.loadAll(table, [id])
    return known.get(id)
  }

  /** The rows of an answer, as they are here. */
  learn<T extends TableName>(table: T, answers: readonly Answer[]): Rows[T][] {
    const known = this.#known[table]
    return answers.map(answer => {
      const id = answer.id as string
      if (table === 'executions') this.#order.set(id, answer.seq as number)
      let row = known.get(id)
      if (row === undefined) {
        row = decode(table, answer)
        known.set(id, row)
      }
      return row
    })
  }

  /** Takes over what a writer has put; `written`: the database has it already. */
  put<T extends TableName>(table: T, row: Rows[T], encoded: Encoded, written: boolean): void {
    const id = encoded.id as string
    this.#known[table].set(id, row)
    if (table === 'executions' && !this.#order.has(id)) this.#order.set(id, this.#last++)
    if (written) return
    const unwritten = this.#unwritten.get(table) ?? new Map<string, Encoded>()
    this.#unwritten.set(table, unwritten)
    unwritten.set(id, encoded)
  }

  /** Writes what has been put into these tables, or into all. */
  async write(names: Iterable<TableName> = [...this.#unwritten.keys()]): Promise<void> {
    const writes: Promise<unknown>[] = []
    for (const name of names) {
      const rows = this.#unwritten.get(name)
      if (rows === undefined) continue
      this.#unwritten.delete(name)
      writes.push(upsert(this.query, name, rows.values()))
    }
    await Promise.all(writes)
  }

  /** Forgets what is known: the database has changed by itself. All that was put must have been written. */
  forget(): void {
    for (const known of Object.values(this.#known)) known.clear()
    this.#heldKnown.clear()
  }

  async commit(): Promise<void> {
    if (this.#error !== undefined) throw this.#error
    const logs = this.#engine.logs.flush(this.query, this.logs)
    await Promise.all([logs, this.write()])
    await this.#transaction.commit(this.durable)
  }

  rollback(): Promise<void> {
    return this.#transaction.rollback()
  }

  get logBytes(): Engine['logs'] {
    return this.#engine.logs
  }
}

/** Puts rows as `encode` gave them, in that order. */
export async function upsert(query: Query, table: TableName, rows: Iterable<Encoded>): Promise<void> {
  const statements: Promise<unknown>[] = []
  let some: Encoded[] = []
  let size = 0
  const flush = () => {
    if (some.length > 0) statements.push(query(upsertOf[table], JSON.stringify(some)))
    some = []
    size = 0
  }
  for (const row of rows) {
    some.push(row)
    size += (row.body as string).length
    if (size > statementSize) flush()
  }
  flush()
  await Promise.all(statements)
}
