/* Stores that are moved from SQLite to PostgreSQL, and what has arrived. */
import { randomBytes } from 'node:crypto'
import { rmSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { systemChance, systemClock } from '../../src/edges.ts'
import { type Moved, type MoveOptions, moveStore } from '../../src/store/move.ts'
import { type OpenedStore, openStore } from '../../src/store/open.ts'
import { emptyMissed, emptyNotice, emptySchedule } from '../../src/store/schedule-rows.ts'
import type { Store } from '../../src/store/store.ts'
import { definition, execution, group, job, log, runner, testId, token } from './rows.ts'

export const edges = { clock: systemClock, chance: systemChance }

/** A store in a directory, and how it is moved. */
export class Movable {
  readonly dir: string
  readonly file: string
  readonly keyFile: string

  constructor(dir: string) {
    this.dir = dir
    this.file = join(dir, 'server.db')
    this.keyFile = join(dir, 'key')
  }

  /** Opens it where it is now: in its file, or in PostgreSQL. */
  async open(database = `sqlite:${this.file}`): Promise<OpenedStore> {
    const opened = await openStore({ database, keyFile: this.keyFile })
    if (!opened.ok) throw new Error(`${opened.failure.reason}: ${opened.failure.detail}`)
    return opened.value
  }

  /** Why it cannot be opened. */
  async refusal(database = `sqlite:${this.file}`): Promise<string> {
    return this.open(database).then(
      async ({ store }) => {
        await store[Symbol.asyncDispose]()
        return 'it was opened'
      },
      error => error.message,
    )
  }

  /** Moves it in this process; gives the failure as a text. */
  async move(to: string, more: Partial<MoveOptions> = {}): Promise<Moved | string> {
    const facts = { call: 'server-move', object: to, after: {}, before: null, count: 1 }
    const none = {
      token_id: null,
      token_name: null,
      token_kind: null,
      address: null,
      method: null,
      path: null,
    }
    const moved = await moveStore({
      file: this.file,
      keyFile: this.keyFile,
      to,
      edges,
      factsOf: () => ({ ...facts, ...none, namespace: null, status: null, reason: null, request_id: null }),
      tell: () => {},
      ...more,
    })
    return moved.ok ? moved.value : moved.failure
  }

  /** Changes the file past the store. */
  sql(text: string, ...params: (string | Uint8Array)[]): void {
    const database = new DatabaseSync(this.file)
    database.prepare(text).run(...params)
    database.close()
  }

  /** The file of a log. */
  segment(id: string, start: number): string {
    return join(this.dir, 'logs', id.slice(0, 2), id, String(start))
  }
}

/** Ids of logs in a store that `fill` has made. */
export const logs = { small: testId(1), large: testId(2), cut: testId(3), open: testId(4), holed: testId(5) }
const oddNames = [
  'plain',
  'ünï',
  '𝒟eep-𓀀',
  '日本語',
  'a\u0001b',
  'null\u2028',
  '\ufffd\ufffe',
  'é',
  'e\u0301',
]

/** Puts something of everything into a new store: `count` rows of what there may be many. */
export async function fill({ store, keys }: OpenedStore, count: number): Promise<void> {
  const sealed = (text: string) => keys.sealAtRest(text)
  await store.write(async tx => {
    for (let n = 0; n < count; n++) {
      const id = testId(1000 + n)
      tx.putExecution(
        execution({ id, job_name: n % 2 ? `job ${n}` : null, deadline: n % 3 ? 1e12 + n / 7 : null }),
      )
      tx.putDefinition(definition(id, sealed(`secret ${n}`)))
      tx.putIdempotency({ token_id: 't', key: `k${n}`, body_sha256: 'b', execution_id: id, created_at: n })
    }
    for (const name of oddNames) tx.putJob({ ...job(name, sealed(name)), namespace: 'team\u00e9' })
    tx.putJob({ ...job('nul'), body: { image: 'a\0b\ud800c' } })
    tx.putOutput(testId(1000), sealed('x'.repeat(count * 3000)))
    tx.putRunner(
      runner({ name: 'ünï', said: { capabilities: ['\0'], runner_group: 'g', taints: [], metadata: {} } }),
    )
    tx.putRunner(runner({ name: 'two', seen_until: 1.5e12 + 0.25 }))
    tx.putGroup(group())
    tx.putToken(token({ name: 'first' }))
    tx.putToken(token({ name: 'second' }))
    for (const [n, name] of oddNames.entries())
      tx.putSchedule({
        ...emptySchedule,
        job: `team\u00e9/${name}`,
        after: n / 7,
        due_at: n % 2 ? 1e12 + n : null,
      })
    const missed = { job: 'team\u00e9/plain', reason: 'outage' as const, from: 1, to: 2.5, count: 2 }
    tx.putMissed({ ...emptyMissed, ...missed, id: testId(2000) })
    tx.putBucket({ key: 'ünï', value: '{}' })
    const notice = {
      ...emptyNotice,
      target: 'ünï',
      event: 'late' as const,
      body: '{}',
      state: 'waiting' as const,
      created_at: 1,
      give_up_at: 1e13,
    }
    for (let n = 0; n < 3; n++)
      tx.putNotice({ ...notice, id: testId(2001 + n), next_at: n === 0 ? null : 1e12 + n / 3 })
  })
  const bytes = { small: Buffer.from('hello\0\xff\n', 'latin1'), large: randomBytes((3 << 20) + 12_345) }
  const write = (id: string, all: Buffer, more = {}) =>
    store.write(async tx => {
      await tx.writeLog(id, 0, all)
      tx.putLog(log(id, all.length, { complete: true, final_length: all.length, ...more }))
    })
  await write(logs.small, bytes.small)
  await write(logs.large, bytes.large)
  await write(logs.holed, bytes.large)
  await write(logs.open, bytes.large, { complete: false, final_length: null })
  const [head, tail] = [100_000, (2 << 20) + 77]
  await write(logs.cut, bytes.large, { head, tail })
  await store.write(tx => tx.dropLog(logs.cut, head, tail))
  await Promise.all(
    Array.from({ length: count }, (_, n) => write(testId(10_000 + n), Buffer.from(`log ${n}\n`))),
  )
}

/** Damages what `fill` has made as disks and people do; gives how many rows nobody can read then. */
export function damage(store: Movable): number {
  store.sql("UPDATE executions SET body = 'no JSON' WHERE id = ?", testId(1001))
  store.sql(
    'UPDATE executions SET body = substr(body, 1, 30) || char(0) || substr(body, 31) WHERE id = ?',
    testId(1002),
  )
  store.sql(
    'UPDATE definitions SET body = ? WHERE id = ?',
    Buffer.from('{"group":"\0\xff"}', 'latin1'),
    testId(1003),
  )
  store.sql("UPDATE definitions SET body = '' WHERE id = ?", testId(1004))
  store.sql("INSERT INTO logs (id, length, complete, body) VALUES ('../../etc', 5, 1, '{}')")
  rmSync(store.segment(logs.holed, 1 << 20))
  truncateSync(store.segment(logs.open, 1 << 20), 1000)
  return 5
}

/** All rows of both databases by table, as one text for each table; NUL bytes of damaged rows aside. */
export function rowsOfFile(file: string): Record<string, string[]> {
  const database = new DatabaseSync(file, { readOnly: true })
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name <> 'log_trash'")
    .all()
  const all: Record<string, string[]> = {}
  for (const { name } of tables)
    all[String(name)] = database
      .prepare(`SELECT * FROM ${name} ORDER BY id`)
      .all()
      .filter(({ id }) => !String(id).startsWith('moved.'))
      .map(row => JSON.stringify({ ...row, body: String(row.body).replaceAll('\0', '\u0001') }))
  database.close()
  return all
}

export async function rowsOfPostgres(url: string): Promise<Record<string, string[]>> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    const { rows: tables } = await client.query(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'runner' AND table_name NOT IN ('migrations', 'log_chunks')",
    )
    const all: Record<string, string[]> = {}
    for (const { name } of tables) {
      const { rows } = await client.query(`SELECT * FROM runner.${name} ORDER BY id`)
      all[name] = rows
        .filter(({ id }) => !id.startsWith('moved.'))
        .map(row => JSON.stringify({ ...row, ...(row.seq !== undefined && { seq: Number(row.seq) }) }))
    }
    return all
  } finally {
    await client.end()
  }
}

/** The kept part of each log, by its id, as the server reads it. */
export async function logsOf(store: Store, ids: readonly string[]): Promise<Record<string, string>> {
  const all: Record<string, string> = {}
  for (const id of ids)
    await store.read(async tx => {
      const row = await tx.log(id)
      const { length = 0, head, tail } = row ?? {}
      const parts =
        typeof head === 'number'
          ? [
              [0, head],
              [tail!, length - tail!],
            ]
          : [[0, length]]
      const bytes = await Promise.all(parts.map(([at, count]) => tx.readLog(id, at!, count!)))
      all[id] = `${length} ${Buffer.concat(bytes).toString('base64')}`
    })
  return all
}
