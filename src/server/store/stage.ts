import type { Access } from './access.ts'
import type { Answer, LogChanges, LogWrite, Query } from './engine.ts'
import { holderOf } from './held.ts'
import { headsWhere, queuesWaiting, waitsIn } from './queues.ts'
import type { ExecutionRow, Topic, Unreadable } from './store.ts'
import {
  columnsOf,
  decodeOr,
  type Encoded,
  encode,
  type Rows,
  type TableName,
  tables,
  withoutDamaged,
} from './tables.ts'
import type { Work } from './work.ts'

interface Put {
  row: Rows[TableName]
  encoded: Encoded
  /** The row as it was before this writer put it; undefined where it is new. */
  before: Rows[TableName] | undefined
  written: boolean
}

/**
 * What one writer has put, kept apart from its batch until it has ended well. Its rows reach the database before
 * that only where a statement of its own has to see them, behind a savepoint.
 */
export class Stage implements Access {
  readonly now: number
  readonly watched: number
  readonly logs: LogChanges = { writes: [], drops: [], syncs: new Set() }
  readonly topics: Topic[] = []
  readonly #work: Work
  readonly #puts = new Map<TableName, Map<string, Put>>()
  readonly #written: LogWrite[] = []
  /** Whether what it changes must be on disk, whatever its options said. */
  durable = false
  readonly #aside = new Set<string>()
  #savepoint = false
  #ended = false

  constructor(work: Work) {
    this.#work = work
    this.now = work.now
    this.watched = work.watched
  }

  get<T extends TableName>(table: T, id: string): Promise<Rows[T] | undefined> {
    this.#alive()
    const put = this.#puts.get(table)?.get(id)
    return put === undefined ? this.#work.get(table, id) : Promise.resolve(put.row as Rows[T])
  }

  async getAll<T extends TableName>(table: T, ids: readonly string[]): Promise<Rows[T][]> {
    this.#alive()
    await this.#work.loadAll(table, ids)
    const rows = await Promise.all([...new Set(ids)].map(id => this.get(table, id)))
    return rows.filter(row => row !== undefined)
  }

  put<T extends TableName>(table: T, row: Rows[T]): void {
    this.#alive()
    const puts = this.#puts.get(table) ?? new Map<string, Put>()
    this.#puts.set(table, puts)
    const id = tables[table].id(row)
    const put = puts.get(id)
    const before = put === undefined ? this.#work.latest(table, id) : put.before
    puts.set(id, { row, encoded: encode(table, row, this.watched), before, written: false })
  }

  async select<T extends TableName>(
    table: T,
    rest: string,
    ...params: (string | number | null)[]
  ): Promise<Rows[T][]> {
    const found = await this.query([table], `SELECT ${columnsOf[table]} FROM ${table} ${rest}`, ...params)
    let answers: readonly Answer[] = found
    let rows: Rows[T][]
    try {
      rows = this.#work.learn(table, answers)
    } catch {
      answers = withoutDamaged(table, found)
      const damaged = found.filter(answer => !answers.includes(answer)).map(answer => answer.id as string)
      if (await this.#setAside(table, damaged)) return this.select(table, rest, ...params)
      rows = this.#work.learn(table, answers)
    }
    const puts = this.#puts.get(table)
    return rows.map((row, index) => {
      const put = puts?.get(answers[index]!.id as string)
      return put === undefined ? row : (put.row as Rows[T])
    })
  }

  async list<T extends TableName, U = never>(
    table: T,
    unreadable: Unreadable<U> | undefined,
    rest: string,
    ...params: (string | number | null)[]
  ): Promise<(Rows[T] | U)[]> {
    if (unreadable === undefined) return this.select(table, rest, ...params)
    const found = await this.query([table], `SELECT ${columnsOf[table]} FROM ${table} ${rest}`, ...params)
    return found.map(answer => decodeOr(table, answer, unreadable))
  }

  /** Keeps damaged executions from being found again, so that they take nobody's place; says whether that is new. */
  async #setAside(table: TableName, ids: readonly string[]): Promise<boolean> {
    if (table !== 'executions' || ids.every(id => this.#aside.has(id))) return false
    for (const id of ids) this.#aside.add(id)
    const sql = `UPDATE executions SET state = 'damaged', deadline = NULL, ended_at = $2
      WHERE id IN (SELECT value FROM TEXTS($1))`
    await this.#work.query(sql, JSON.stringify(ids), this.now)
    return true
  }

  async query(names: readonly TableName[], ...statement: Parameters<Query>): ReturnType<Query> {
    this.#alive()
    const own = names.some(name => [...(this.#puts.get(name)?.values() ?? [])].some(put => !put.written))
    const [, answers] = await Promise.all([
      own ? this.#write(names) : this.#work.write(names),
      this.#work.query(...statement),
    ])
    return answers
  }

  /** A statement that changes these tables by itself. */
  async change(names: readonly TableName[], ...statement: Parameters<Query>): ReturnType<Query> {
    this.#alive()
    const [, answers] = await Promise.all([this.#write(names), this.#work.query(...statement)])
    for (const name of names) this.#puts.delete(name)
    this.#work.forget(names)
    return answers
  }

  /** Removes those of these rows of which the condition is true; says how many. What is known of others stays. */
  async remove(table: TableName, ids: readonly string[], condition = 'true'): Promise<number> {
    this.#alive()
    const sql = `DELETE FROM ${table} WHERE id IN (SELECT value FROM TEXTS($1)) AND ${condition} RETURNING id`
    const [, removed] = await Promise.all([this.#write([table]), this.#work.query(sql, JSON.stringify(ids))])
    const own = ids.filter(id => this.#puts.get(table)?.delete(id))
    // What this writer had put may have waited in a queue before.
    this.#work.forget([table], own.length === 0 ? ids : undefined)
    return removed.length
  }

  /** The queues in which something waits. */
  async queues(): Promise<string[]> {
    this.#alive()
    const { queues } = this.#work.recent
    const left = this.#left()
    const known = left && queues.names(left)
    if (known !== undefined) return known
    const found = await this.query(['executions'], queuesWaiting)
    const names = found.map(({ queue }) => queue as string)
    if (this.#sees) queues.learnNames(names)
    return names
  }

  /** The first `limit` of each of these queues. */
  async heads(names: readonly string[], limit: number): Promise<ExecutionRow[]> {
    this.#alive()
    const { queues } = this.#work.recent
    const left = this.#left()
    const heads = [...new Set(names)].map(async queue => {
      const known = left && queues.heads(queue, limit, left)
      if (known !== undefined) {
        this.#work.know(known)
        return known
      }
      const rows = await this.select('executions', headsWhere, queue, limit)
      if (this.#sees) queues.learn(queue, rows, rows.length < limit)
      return rows
    })
    return (await Promise.all(heads)).flat()
  }

  /** Whether the database gives this writer what it gives the next one. */
  get #sees(): boolean {
    return !this.#ended && !this.#puts.get('executions')?.size
  }

  get #executions(): ExecutionRow[] {
    return [...(this.#puts.get('executions')?.values() ?? [])].map(({ row }) => row as ExecutionRow)
  }

  /** The executions that this writer has put, none of which waits in a queue; undefined where one does. */
  #left(): Set<string> | undefined {
    const rows = this.#executions
    return rows.some(row => waitsIn(row) !== undefined) ? undefined : new Set(rows.map(({ id }) => id))
  }

  /** What these runners hold, where that is known without a statement. */
  held(runnerIds: readonly string[]): ExecutionRow[] | undefined {
    this.#alive()
    const own = new Map(this.#executions.map(row => [row.id, row]))
    const held: ExecutionRow[] = []
    for (const id of new Set(runnerIds)) {
      const before = this.#work.recent.held.of(id)
      if (before === undefined) return undefined
      for (const row of before.values()) if (!own.has(row.id)) held.push(row)
    }
    this.#work.know(held)
    const wanted = new Set<string | undefined>(runnerIds)
    for (const row of own.values()) if (wanted.has(holderOf(row))) held.push(row)
    return held
  }

  async writeLog(write: LogWrite): Promise<void> {
    this.#alive()
    this.#written.push(write)
    const { query, logBytes, written } = this.#work
    const ends = written.filter(({ id }) => id === write.id).map(({ offset, bytes }) => offset + bytes.length)
    const left = await logBytes.append(query, write, Math.max(0, ...ends))
    if (left !== undefined) this.logs.writes.push(left)
  }

  async readLog(id: string, offset: number, length: number): Promise<Buffer> {
    this.#alive()
    const kept = await this.#work.logBytes.read(this.#work.query, id, offset, length)
    const bytes = Buffer.alloc(length)
    let end = kept.copy(bytes)
    for (const write of [...this.#work.written, ...this.#written]) {
      const from = write.offset - offset
      if (write.id !== id || from > end || from >= length) continue
      const skipped = Math.max(0, -from)
      if (skipped >= write.bytes.length) continue
      bytes.set(write.bytes.subarray(skipped, length - from), from + skipped)
      end = Math.max(end, Math.min(length, from + write.bytes.length))
    }
    return bytes.subarray(0, end)
  }

  /** All bytes of these logs are to go, in this transaction. */
  removeLogs(ids: readonly string[]): Promise<void> {
    return this.#work.logBytes.remove(this.#work.query, ids)
  }

  /** The writer has ended well: hands what it put to the batch. */
  async keep(): Promise<void> {
    this.#ended = true
    for (const [table, puts] of this.#puts)
      for (const { row, ...put } of puts.values()) this.#work.put(table, row, put)
    this.#work.logs.writes.push(...this.logs.writes)
    this.#work.logs.drops.push(...this.logs.drops)
    for (const id of this.logs.syncs) this.#work.logs.syncs.add(id)
    this.#work.written.push(...this.#written)
    this.#work.durable ||= this.durable
    if (this.#savepoint) await this.#work.query('RELEASE SAVEPOINT writer')
  }

  /** The writer has failed: nothing of it stays. */
  async undo(): Promise<void> {
    this.#ended = true
    if (!this.#savepoint || this.#work.error !== undefined) return
    await this.#work.query('ROLLBACK TO SAVEPOINT writer')
    await this.#work.query('RELEASE SAVEPOINT writer')
    this.#work.forget()
  }

  /** Sends all of it before it waits for any, so that what is asked next comes after it. */
  async #write(names: readonly TableName[]): Promise<void> {
    const sent: Promise<unknown>[] = []
    if (!this.#savepoint) {
      this.#savepoint = true
      sent.push(this.#work.write(), this.#work.query('SAVEPOINT writer'))
    }
    for (const name of names) {
      const puts = [...(this.#puts.get(name)?.values() ?? [])].filter(put => !put.written)
      for (const put of puts) put.written = true
      const rows = puts.map(put => put.encoded)
      sent.push(this.#work.upsert(name, rows))
    }
    await Promise.all(sent)
  }

  #alive(): void {
    if (this.#ended) throw new Error('a transaction was used after its writer had ended')
  }
}
