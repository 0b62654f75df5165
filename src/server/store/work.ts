import { heldStates } from '../../protocol/states.ts'
import type { Answer, Commit, Engine, LogChanges, LogWrite, Query, Transaction } from './engine.ts'
import { headsWithDefinitions, type LikelyQueues, type Queued, queuesWaiting } from './queues.ts'
import type { RecentRows } from './recent.ts'
import { type ExecutionRow, queueOf, type WriteOptions } from './store.ts'
import {
  columnsOf,
  decode,
  type Encoded,
  idempotencyId,
  type Rows,
  type TableName,
  tableNames,
} from './tables.ts'

type Known = { [T in TableName]: Map<string, Rows[T] | undefined> }

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
  readonly #likely: LikelyQueues
  readonly #transaction: Transaction
  readonly #known = Object.fromEntries(tableNames.map(name => [name, new Map()])) as unknown as Known
  readonly #unwritten = new Map<TableName, Map<string, Encoded>>()
  /** Runners of which every held execution is known. */
  readonly #heldKnown = new Set<string>()
  /** The order of executions that this batch has looked at; new ones come after all others. */
  readonly #order = new Map<string, number>()
  readonly #recent: RecentRows
  #queued: Queued | undefined
  #last = Number.MAX_SAFE_INTEGER / 2
  #error: unknown

  constructor(
    engine: Engine,
    transaction: Transaction,
    durable: boolean,
    { likely, recent }: { likely: LikelyQueues; recent: RecentRows },
  ) {
    this.durable = durable
    this.#engine = engine
    this.#likely = likely
    this.#recent = recent
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

  /** Puts rows in the order of statements, now. */
  async upsert(table: TableName, rows: readonly Encoded[]): Promise<void> {
    if (rows.length === 0) return
    try {
      await this.#transaction.put(table, rows)
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
    const loads = wanted.flatMap(([table, ids]) => {
      const unknown = this.#unknown(table, ids)
      return unknown.length === 0 ? [] : this.#load(table, unknown)
    })
    if (held.length > 0) loads.push(this.#loadHeld(held))
    const groupsOf = hints.flatMap(({ groupsOf = [] }) => groupsOf).filter(id => !this.#knowsGroupOf(id))
    if (groupsOf.length > 0) loads.push(this.#loadGroupsOf([...new Set(groupsOf)]))
    const heads = Math.max(0, ...hints.map(({ heads = 0 }) => heads))
    if (heads > 0) loads.push(this.#loadQueued(heads))
    const { begun, likelyNow } = this.#transaction
    if (loads.length === 0 && likelyNow !== undefined) {
      this.#now = likelyNow
      return
    }
    // A row that cannot be read is the failure of the writer that asks for it, not of those beside it.
    await Promise.allSettled([begun, ...loads])
    const now = await begun
    if (this.#error !== undefined) throw this.#error
    this.#now = now
  }

  /** Reads rows that are not known yet. */
  async loadAll(table: TableName, wanted: readonly string[]): Promise<void> {
    const ids = this.#unknown(table, wanted)
    if (ids.length > 0) await this.#load(table, ids)
  }

  /** Those of which nothing is known yet. */
  #unknown(table: TableName, wanted: readonly string[]): string[] {
    return [...new Set(wanted)].filter(id => !this.#known[table].has(id) && !this.#recall(table, id))
  }

  /** Takes a row over from before this batch, if it can be. */
  #recall<T extends TableName>(table: T, id: string): boolean {
    const row = this.#recent.get(table, id)
    if (row === undefined) return false
    this.#known[table].set(id, row)
    const order = this.#recent.orderOf(id)
    if (table === 'executions' && order !== undefined) this.#order.set(id, order)
    return true
  }

  async #load(table: TableName, ids: readonly string[]): Promise<void> {
    const sql = `SELECT ${columnsOf[table]} FROM ${table} WHERE id IN (SELECT value FROM TEXTS($1))`
    this.learn(table, await this.query(sql, JSON.stringify(ids)))
    for (const id of ids) if (!this.#known[table].has(id)) this.#known[table].set(id, undefined)
  }

  #knowsGroupOf(runnerId: string): boolean {
    const { said, set } = this.#known.runners.get(runnerId) ?? {}
    const group = set?.runner_group ?? said?.runner_group
    return group !== undefined && this.#unknown('groups', [group]).length === 0
  }

  async #loadGroupsOf(runnerIds: string[]): Promise<void> {
    const sql = `SELECT ${columnsOf.groups} FROM groups WHERE id IN (
      SELECT coalesce(set_group, said_group) FROM runners WHERE id IN (SELECT value FROM TEXTS($1)))`
    this.learn('groups', await this.query(sql, JSON.stringify(runnerIds)))
  }

  async #loadHeld(runnerIds: string[]): Promise<void> {
    const sql = `SELECT ${columnsOf.executions} FROM executions /* INDEXED BY executions_held */
      WHERE state IN ('reserved', 'running', 'aborting') AND runner_id IN (SELECT value FROM TEXTS($1))`
    this.learn('executions', await this.query(sql, JSON.stringify(runnerIds)))
    for (const id of runnerIds) this.#heldKnown.add(id)
  }

  /** Reads which queues there are, and the heads of those in which something may wait, with their definitions. */
  async #loadQueued(limit: number): Promise<void> {
    const likely = this.#likely.names
    const [found, ...heads] = await Promise.all([
      this.query(queuesWaiting),
      ...likely.map(queue => this.query(headsWithDefinitions, queue, limit)),
    ])
    const queues = found!.map(({ queue }) => queue as string)
    this.#likely.replace(queues)
    for (const { grp, definition } of heads.flat())
      if (definition !== null) this.learn('definitions', [{ id: grp!, body: definition! }])
    this.#queued = {
      queues,
      limit,
      heads: new Map(likely.map((queue, index) => [queue, this.learn('executions', heads[index]!)])),
    }
  }

  /** What waits, as it was read at the beginning; undefined where that was not asked, or is not so any more. */
  get queued(): Queued | undefined {
    return this.#queued
  }

  /** A writer puts this execution: it may come into a queue, or leave one. */
  moved(row: ExecutionRow): void {
    if (row.state === 'queued') this.#likely.add(queueOf(row))
    else if ((this.#known.executions.get(row.id)?.state ?? 'queued') !== 'queued') return
    this.#queued = undefined
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
    // One that was remembered, and has come to be held in this batch.
    if (rows.some(({ id }) => !this.#order.has(id) && this.#known.executions.get(id) !== undefined))
      return undefined
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
      let row = known.get(id) ?? this.#recent.get(table, id)
      if (row === undefined) {
        row = decode(table, answer)
        this.#recent.set(table, id, row, answer.seq as number | undefined)
      }
      known.set(id, row)
      return row
    })
  }

  /** Takes over what a writer has put; `written`: the database has it already. */
  put<T extends TableName>(table: T, row: Rows[T], encoded: Encoded, written: boolean): void {
    const id = encoded.id as string
    const isNew = this.#known[table].get(id) === undefined
    this.#known[table].set(id, row)
    if (table === 'executions' && isNew && !this.#order.has(id)) this.#order.set(id, this.#last++)
    this.#recent.set(table, id, row)
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
      writes.push(this.upsert(name, [...rows.values()]))
    }
    await Promise.all(writes)
  }

  /** Forgets what is known: the database has changed by itself. All that was put must have been written. */
  forget(): void {
    for (const known of Object.values(this.#known)) known.clear()
    this.#recent.clear()
    this.#heldKnown.clear()
    this.#queued = undefined
  }

  /** Resolves when another transaction may begin. */
  async commit(): Promise<Commit> {
    if (this.#error !== undefined) throw this.#error
    await this.#engine.logs.flush(this.query, this.logs)
    return this.#transaction.commit(this.durable, this.write())
  }

  rollback(): Promise<void> {
    return this.#transaction.rollback()
  }

  get logBytes(): Engine['logs'] {
    return this.#engine.logs
  }
}
