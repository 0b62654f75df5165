/*
 * Measures the schedules of a server on its store: 1,000 of 100,000 that are due in the same second, beside
 * 1,000 submits in one transaction; the time that 100,000 schedules add to a start, also after an outage of a
 * day; and their memory. It writes its part of docs/benchmarks.md. RUNNER_BENCH_POSTGRES is the address of an
 * empty PostgreSQL; without it SQLite alone is measured.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemChance } from '../src/edges.ts'
import { putJob } from '../src/server/operator-side/put-job.ts'
import { submit } from '../src/server/operator-side/submit.ts'
import { type Context, newContext } from '../src/server/rules/context.ts'
import { Scheduler } from '../src/server/upkeep/scheduler.ts'
import { Sweeper } from '../src/server/upkeep/sweeper.ts'
import { openStore } from '../src/store/open.ts'
import type { Store } from '../src/store/store.ts'
import { median, replacePart } from './figures.ts'

const all = 100_000
const due = 1000
const rounds = 5
const day = 86_400_000
const clock = { wall: Date.UTC(2026, 9, 20, 0, 0, 30), monotonic: 0 }
const folder = mkdtempSync(join(tmpdir(), 'runner-bench-'))

const settings = {
  lease_seconds: 60,
  confirm_within_seconds: 30,
  late_result_seconds: 3600,
  ping_interval_seconds: 15,
  reserve_wait_seconds: 30,
  log_limit: 1e9,
  retention_days: 0,
  credentials_days: 0,
  audit_days: 0,
  max_output_bytes: 1e6,
  targets: [],
}

async function open(database: string): Promise<{ store: Store; ctx: Context }> {
  const opened = await openStore({
    database,
    keyFile: join(folder, `${database.split(':')[0]}.key`),
    clock: { now: () => new Date(clock.wall), monotonic: () => clock.monotonic / 1000 },
  })
  if (!opened.ok) throw new Error(opened.failure.detail)
  return {
    store: opened.value.store,
    ctx: newContext({ settings, keys: opened.value.keys, chance: systemChance }),
  }
}

/** When the latest durable writer of a scheduler was done. */
let created = 0

const pass = (seconds: number) => {
  clock.wall += seconds * 1000
  clock.monotonic += seconds * 1000
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await work()
  return performance.now() - began
}

/** 100,000 jobs: a thousand for each minute, which is due in its first second, and the others for later hours. */
async function fill(store: Store, ctx: Context, count: number): Promise<void> {
  for (let from = 0; from < count; from += 1000)
    await store.write(
      async tx => {
        for (let n = from; n < Math.min(count, from + 1000); n++) {
          const minute = Math.floor(n / due)
          const cron = `${minute % 60} ${Math.floor(minute / 60)} * * *`
          const definition = { image: 'busybox', command: ['true'], schedule: { cron } }
          const put = await putJob(tx, ctx, { namespace: 'default', name: `job-${n}` }, definition)
          if (!put.ok) throw new Error(put.failure.detail)
        }
      },
      { durable: false },
    )
}

const by = { token_id: 'bench', namespace: 'default', submitter: null, body_sha256: '' }

function submits({ store, ctx }: { store: Store; ctx: Context }): Promise<void> {
  return store.write(async tx => {
    for (let n = 0; n < due; n++) {
      const made = await submit(tx, ctx, { image: 'busybox', command: ['true'] }, by)
      if (!made.ok) throw new Error(made.failure.detail)
    }
  })
}

async function start({ store, ctx }: { store: Store; ctx: Context }): Promise<Scheduler> {
  // The writers that make executions are the durable ones.
  const noted = Object.create(store, {
    write: {
      value: async (writer: never, options?: { durable?: boolean }) => {
        const written = await store.write(writer, options)
        if (options?.durable !== false) created = performance.now()
        return written
      },
    },
    read: { value: (reader: never) => store.read(reader) },
    lineage: { value: store.lineage },
  }) as Store
  const scheduler = new Scheduler(noted, ctx, () => clock.monotonic / 1000)
  await scheduler.begin()
  await new Sweeper(store, ctx, () => clock.monotonic / 1000).sweep()
  return scheduler
}

async function measure(database: string): Promise<string[]> {
  const opened = await open(database)
  const { store, ctx } = opened
  const without = await timed(() => start(opened))
  const memory = () => {
    globalThis.gc?.()
    return process.memoryUsage().heapUsed / 1e6
  }
  const before = memory()
  await fill(store, ctx, all)
  let scheduler = await start(opened)
  await scheduler.round()
  const after = memory()
  const fires: number[] = []
  const submitted: number[] = []
  for (let round = 0; round < rounds; round++) {
    submitted.push(await timed(() => submits(opened)))
    pass(60)
    await new Sweeper(store, ctx, () => clock.monotonic / 1000).sweep()
    fires.push(await fireAll(scheduler))
  }
  const plain = await timed(async () => {
    scheduler = await start(opened)
  })
  pass(day / 1000)
  const outage = await timed(async () => {
    scheduler = await start(opened)
  })
  const caughtUp = await timed(async () => {
    while ((await scheduler.round()).fired > 0);
  })
  await store[Symbol.asyncDispose]()
  return [
    store.engine === 'sqlite' ? 'SQLite' : 'PostgreSQL',
    (median(fires) / median(submitted)).toFixed(2),
    `${(after - before).toFixed(0)} MB`,
    `${without.toFixed(0)} ms`,
    `${plain.toFixed(0)} ms`,
    `${outage.toFixed(0)} ms`,
    `${(caughtUp / 1000).toFixed(0)} s`,
  ]
}

/** One round; gives the milliseconds until all that is due has its execution on disk. */
async function fireAll(scheduler: Scheduler): Promise<number> {
  const began = performance.now()
  created = 0
  const { fired } = await scheduler.round()
  if (fired !== due) throw new Error(`${fired} have fired, and not ${due}`)
  return created - began
}

try {
  const databases = [`sqlite:${join(folder, 'server.db')}`, process.env.RUNNER_BENCH_POSTGRES ?? []].flat()
  const rows: string[][] = []
  for (const database of databases) rows.push(await measure(database))
  const table = [
    [
      'store',
      '1,000 fires ÷ 1,000 submits',
      'heap of 100,000',
      'start with none',
      'start with 100,000',
      'after a day away',
      'until all are caught up',
    ],
    Array.from({ length: 7 }, () => '---'),
    ...rows,
  ]
  const text = `\n# Fires\n\n${all} schedules, of which ${due} are due in the same second; medians of ${rounds} rounds in turn.\n\n${table
    .map(row => `| ${row.join(' | ')} |`)
    .join('\n')}\n`
  console.log(text)
  if (process.env.RUNNER_BENCH_POSTGRES !== undefined) replacePart('fires', text)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
