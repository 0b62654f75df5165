import { type AuditFacts, entryAfter } from '../../protocol/audit-chain.ts'
import type { AuditEntry } from '../../protocol/messages/audit.ts'
import { topicChange } from '../change.ts'
import type { LogChanges, LogWrite, Query } from '../engine.ts'
import type { Line } from '../queue.ts'
import { type Encoded, encode, readableOf } from '../row-encoding.ts'
import type { AuditRow, ExecutionRow } from '../rows.ts'
import { type Rows, selectFrom, type TableName, tables } from '../tables.ts'
import type { Topic } from '../topic.ts'
import type { SqlRow, SqlValue } from '../values.ts'
import type { Batch } from './batch.ts'
import { ChangeList, changeOf, removalOf } from './change-list.ts'
import { leaseHolder } from './lease-cache.ts'
import { countsOfLines, isIn, nameOfLine } from './lines.ts'
import { headsWhere, queuesWaiting, waitsIn } from './queue-cache.ts'
import { SqlReader } from './reader.ts'

/** The change, for each table, that keeps searches for work from finding a row that cannot be read again. */
const hiddenBy: { [T in TableName]?: string } = {
  executions: "state = 'damaged', deadline = NULL, ended_at = $2",
  schedules: 'due_at = NULL, stale = 0',
}

interface Put {
  row: Rows[TableName]
  encoded: Encoded
  /** The row as it was before this writer put it; undefined where it is new. */
  before: Rows[TableName] | undefined
  written: boolean
}

/**
 * The changes of one writer, kept apart from its batch until the writer has succeeded. Its rows reach the
 * database earlier only where a statement of the writer has to see them, and then a savepoint precedes them.
 */
export class UnitOfWork extends SqlReader {
  readonly topics: Topic[] = []
  readonly #changes = new ChangeList()
  protected readonly logs: LogChanges = { writes: [], drops: [], syncs: new Set() }
  readonly #batch: Batch
  readonly #puts = new Map<TableName, Map<string, Put>>()
  readonly #written: LogWrite[] = []
  readonly #audited: { facts: AuditFacts; sealed: string | undefined }[] = []
  #isDurable = false
  readonly #aside = new Set<string>()
  #savepoint = false
  #ended = false

  constructor(batch: Batch) {
    super(batch)
    this.#batch = batch
  }

  /** The changes must be on disk when the writer is answered, whatever its options said. */
  get isDurable(): boolean {
    return this.#isDurable
  }

  durably(): void {
    this.#isDurable = true
  }

  notify(topic: Topic): void {
    this.topics.push(topic)
    this.#changes.add(topicChange(topic))
  }

  audit(facts: AuditFacts, sealed?: string): void {
    this.#alive()
    this.#audited.push({ facts, sealed })
  }

  protected get<T extends TableName>(table: T, id: string): Promise<Rows[T] | undefined> {
    this.#alive()
    const put = this.#puts.get(table)?.get(id)
    return put === undefined ? this.#batch.get(table, id) : Promise.resolve(put.row as Rows[T])
  }

  protected async getAll<T extends TableName>(table: T, ids: readonly string[]): Promise<Rows[T][]> {
    this.#alive()
    await this.#batch.loadAll(table, ids)
    const rows = await Promise.all([...new Set(ids)].map(id => this.get(table, id)))
    return rows.filter(row => row !== undefined)
  }

  protected put<T extends TableName>(table: T, row: Rows[T]): void {
    this.#alive()
    const puts = this.#puts.get(table) ?? new Map<string, Put>()
    this.#puts.set(table, puts)
    const id = tables[table].id(row)
    const put = puts.get(id)
    const before = put === undefined ? this.#batch.rows.get(table, id) : put.before
    puts.set(id, { row, encoded: encode(table, row, this.watched), before, written: false })
    this.#changes.add(changeOf(table, before, row, this.watched, id => this.#execution(id)))
  }

  protected async select<T extends TableName>(
    table: T,
    rest: string,
    ...params: SqlValue[]
  ): Promise<Rows[T][]> {
    const found = await this.query([table], selectFrom(table, rest), ...params)
    let answers: readonly SqlRow[] = found
    let rows: Rows[T][]
    try {
      rows = this.#batch.learn(table, answers)
    } catch {
      answers = readableOf(table, found)
      const damaged = found.filter(answer => !answers.includes(answer)).map(answer => answer.id as string)
      if (await this.#setAside(table, damaged)) return this.select(table, rest, ...params)
      rows = this.#batch.learn(table, answers)
    }
    const puts = this.#puts.get(table)
    return rows.map((row, index) => {
      const put = puts?.get(answers[index]!.id as string)
      return put === undefined ? row : (put.row as Rows[T])
    })
  }

  /**
   * Marks executions and schedules that cannot be read, so that searches do not find them again in place of
   * others. Resolves to whether one of them was not marked yet.
   */
  async #setAside(table: TableName, ids: readonly string[]): Promise<boolean> {
    const change = hiddenBy[table]
    const keys = ids.map(id => `${table} ${id}`)
    if (change === undefined || keys.every(key => this.#aside.has(key))) return false
    for (const key of keys) this.#aside.add(key)
    const sql = `UPDATE ${table} SET ${change} WHERE id IN (SELECT value FROM TEXTS($1))`
    await this.#batch.query(sql, JSON.stringify(ids), ...(table === 'executions' ? [this.now] : []))
    return true
  }

  protected async query(names: readonly TableName[], ...statement: Parameters<Query>): ReturnType<Query> {
    this.#alive()
    const own = names.some(name => [...(this.#puts.get(name)?.values() ?? [])].some(put => !put.written))
    const [, answers] = await Promise.all([
      own ? this.#write(names) : this.#batch.write(names),
      this.#batch.query(...statement),
    ])
    return answers
  }

  /** Runs a statement that changes these tables. */
  protected async change(names: readonly TableName[], ...statement: Parameters<Query>): ReturnType<Query> {
    this.#alive()
    const [, answers] = await Promise.all([this.#write(names), this.#batch.query(...statement)])
    for (const name of names) this.#puts.delete(name)
    this.#batch.rows.clear(names)
    return answers
  }

  /**
   * Removes the rows of these ids for which the condition is true; resolves to their number. Other rows stay
   * known.
   */
  protected async remove(table: TableName, ids: readonly string[], condition = 'true'): Promise<number> {
    this.#alive()
    const sql = `DELETE FROM ${table} WHERE id IN (SELECT value FROM TEXTS($1)) AND ${condition} RETURNING id`
    const [, removed] = await Promise.all([this.#write([table]), this.#batch.query(sql, JSON.stringify(ids))])
    const own = ids.filter(id => this.#puts.get(table)?.delete(id))
    if (removed.length > 0) for (const id of ids) this.#changes.add(removalOf(table, id))
    // A row that this writer has put and removed may still be in the cache of a queue.
    if (own.length === 0) this.#batch.rows.forget(table, ids)
    else this.#batch.rows.clear([table])
    return removed.length
  }

  /** The queues in which something waits. */
  async queues(): Promise<string[]> {
    this.#alive()
    const { queues } = this.#batch.rows
    const left = this.#left()
    const known = left && queues.names(left)
    if (known !== undefined) return known
    const found = await this.query(['executions'], queuesWaiting)
    const names = found.map(({ queue }) => queue as string)
    if (this.#sees) queues.learnNames(names)
    return names
  }

  /** The first `limit` of each of these queues. */
  async queueHeads(names: readonly string[], limit: number): Promise<ExecutionRow[]> {
    this.#alive()
    const { queues } = this.#batch.rows
    const left = this.#left()
    const heads = [...new Set(names)].map(async queue => {
      const known = left && queues.heads(queue, limit, left)
      if (known !== undefined) {
        this.#batch.rows.know(known)
        return known
      }
      const rows = await this.select('executions', headsWhere, queue, limit)
      if (this.#sees) queues.learn(queue, rows, rows.length < limit)
      return rows
    })
    return (await Promise.all(heads)).flat()
  }

  async mayWaitIn(line: Line): Promise<boolean> {
    this.#alive()
    const name = nameOfLine(line)
    const { lines } = this.#batch.rows
    if (!lines.areKnown) {
      const own = this.#puts.get('executions')?.values() ?? []
      const counts = await this.query(['executions'], countsOfLines)
      lines.learn(counts)
      // The counts include the changes of this writer, which may still fail, so they are taken out again.
      for (const { row, before } of own) lines.put(before as ExecutionRow | undefined, row as ExecutionRow)
    }
    return lines.has(name) || this.#executions.some(row => isIn(name, row))
  }

  /**
   * Whether a statement of this writer sees what a statement of the next writer will see: then its answer can
   * be remembered.
   */
  get #sees(): boolean {
    return !this.#ended && !this.#puts.get('executions')?.size
  }

  /** An execution that this writer or its batch knows. */
  #execution(id: string): ExecutionRow | undefined {
    const put = this.#puts.get('executions')?.get(id)
    return (put?.row as ExecutionRow | undefined) ?? this.#batch.rows.get('executions', id)
  }

  get #executions(): ExecutionRow[] {
    return [...(this.#puts.get('executions')?.values() ?? [])].map(({ row }) => row as ExecutionRow)
  }

  /** The ids of the executions that this writer has put; undefined where one of them waits in a queue. */
  #left(): Set<string> | undefined {
    const rows = this.#executions
    return rows.some(row => waitsIn(row) !== undefined) ? undefined : new Set(rows.map(({ id }) => id))
  }

  protected override async heldRows(runnerIds: readonly string[]): Promise<ExecutionRow[]> {
    return this.#leases(runnerIds) ?? super.heldRows(runnerIds)
  }

  /** The executions that these runners hold, where that is known without a statement. */
  #leases(runnerIds: readonly string[]): ExecutionRow[] | undefined {
    this.#alive()
    const own = new Map(this.#executions.map(row => [row.id, row]))
    const held: ExecutionRow[] = []
    for (const id of new Set(runnerIds)) {
      const before = this.#batch.rows.leases.of(id)
      if (before === undefined) return undefined
      for (const row of before.values()) if (!own.has(row.id)) held.push(row)
    }
    this.#batch.rows.know(held)
    const wanted = new Set<string | undefined>(runnerIds)
    for (const row of own.values()) if (wanted.has(leaseHolder(row))) held.push(row)
    return held
  }

  async writeLog(id: string, offset: number, bytes: Uint8Array): Promise<void> {
    this.#alive()
    const write = { id, offset, bytes }
    this.#written.push(write)
    const { query, logBytes, written } = this.#batch
    const ends = written.filter(one => one.id === id).map(one => one.offset + one.bytes.length)
    const left = await logBytes.append(query, write, Math.max(0, ...ends))
    if (left !== undefined) this.logs.writes.push(left)
  }

  async readLog(id: string, offset: number, length: number): Promise<Buffer> {
    this.#alive()
    const kept = await this.#batch.logBytes.read(this.#batch.query, id, offset, length)
    const bytes = Buffer.alloc(length)
    let end = kept.copy(bytes)
    for (const write of [...this.#batch.written, ...this.#written]) {
      const from = write.offset - offset
      if (write.id !== id || from > end || from >= length) continue
      const skipped = Math.max(0, -from)
      if (skipped >= write.bytes.length) continue
      bytes.set(write.bytes.subarray(skipped, length - from), from + skipped)
      end = Math.max(end, Math.min(length, from + write.bytes.length))
    }
    return bytes.subarray(0, end)
  }

  /** Removes all bytes of these logs, in this transaction. */
  protected removeLogs(ids: readonly string[]): Promise<void> {
    return this.#batch.logBytes.remove(this.#batch.query, ids)
  }

  /** Ends a writer that has succeeded: hands its changes to the batch. */
  async keep(): Promise<void> {
    if (this.#audited.length > 0) await this.#chain()
    this.#ended = true
    for (const [table, puts] of this.#puts)
      for (const [id, { row, encoded, before, written }] of puts) {
        this.#batch.rows.put(table, id, row, before, (encoded.body as string).length)
        this.#batch.put(table, encoded, written)
      }
    this.#batch.putLogs(this.logs, this.#written)
    this.#batch.changes.addAll(this.#changes)
    if (this.#isDurable) this.#batch.durably()
    if (this.#savepoint) await this.#batch.query('RELEASE SAVEPOINT writer')
  }

  override async auditEnds(): ReturnType<SqlReader['auditEnds']> {
    const { begins, ends } = await super.auditEnds()
    const { auditEnd, rows } = this.#batch
    return { begins, ends: auditEnd ?? rows.auditEnd ?? ends }
  }

  /** Gives the entries of the audit log their places, behind those of the writers before. */
  async #chain(): Promise<void> {
    const { auditEnd, rows } = this.#batch
    let end = auditEnd ?? rows.auditEnd ?? (await this.auditEnds()).ends
    const at = new Date(this.now).toISOString()
    const entries = this.#audited.map(({ facts, sealed }) => {
      const entry = entryAfter(end, at, facts)
      end = { number: entry.number, hash: entry.hash }
      return encode('audit', sealed === undefined ? entry : sealedRow(entry, sealed), this.watched)
    })
    // Nobody reads an entry by its id: so no cache takes it.
    for (const entry of entries) this.#batch.put('audit', entry, false)
    // One notice is enough for a batch.
    if (auditEnd === undefined) this.notify({ about: 'audit' })
    this.#batch.auditEnd = end
  }

  /** Ends a writer that has failed: none of its changes stays. */
  async undo(): Promise<void> {
    this.#ended = true
    if (!this.#savepoint || this.#batch.error !== undefined) return
    await this.#batch.query('ROLLBACK TO SAVEPOINT writer')
    await this.#batch.query('RELEASE SAVEPOINT writer')
    this.#batch.rows.clear()
  }

  /**
   * Sends the rows that were put into these tables. It starts all statements before it waits for one, so that
   * a statement that is started next comes after them.
   */
  async #write(names: readonly TableName[]): Promise<void> {
    const sent: Promise<unknown>[] = []
    if (!this.#savepoint) {
      this.#savepoint = true
      sent.push(this.#batch.write(), this.#batch.query('SAVEPOINT writer'))
    }
    for (const name of names) {
      const puts = [...(this.#puts.get(name)?.values() ?? [])].filter(put => !put.written)
      for (const put of puts) put.written = true
      const rows = puts.map(put => put.encoded)
      if (rows.length > 0) sent.push(this.#batch.upsert(new Map([[name, rows]])))
    }
    await Promise.all(sent)
  }

  #alive(): void {
    if (this.#ended) throw new Error('a transaction was used after its writer had ended')
  }
}

function sealedRow(
  { before: _, after: __, ...entry }: Omit<AuditEntry, 'problem'>,
  sealed: string,
): AuditRow {
  return { ...entry, sealed }
}
