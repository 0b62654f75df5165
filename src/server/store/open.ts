import type { Clock } from '../../edges.ts'
import { systemClock } from '../../edges.ts'
import { fail, ok, type Result } from '../../result.ts'
import type { Keys } from '../context.ts'
import { openKeys } from '../keys.ts'
import { jumpsOf, timesOf } from '../tick.ts'
import type { Engine } from './engine.ts'
import { StoreFailure } from './failure.ts'
import { openPostgres } from './open-postgres.ts'
import { openSqlite } from './open-sqlite.ts'
import { SqlStore } from './sql-store.ts'
import type { Store } from './store.ts'
import { type TimeSeen, Watch } from './watch.ts'

export interface StoreOptions {
  /** `sqlite:PATH`, or `postgres://…`. */
  database: string
  /** Where the logs lie that are not in the database; by default beside the SQLite file. */
  dataDir?: string
  /** Made where there is none yet and the store is new. */
  keyFile: string
  /** Instead of the store's own clock. */
  clock?: Pick<Clock, 'now' | 'monotonic'>
  /** Ends the opening of a PostgreSQL that does not answer. */
  stop?: AbortSignal
}

/** Why a store cannot be used. */
export interface OpenFailure {
  reason:
    | 'database-invalid'
    /** A directory or file cannot be made, read or written. */
    | 'not-accessible'
    /** A file that is no database, or a database of something else. */
    | 'not-a-store'
    | 'damaged'
    /** A newer program has migrated it. */
    | 'too-new'
    /** Another server has it. */
    | 'in-use'
    | 'disk-full'
    /** PostgreSQL does not answer yet: another try may find it. */
    | 'unreachable'
    /** PostgreSQL does not let us in. */
    | 'refused'
    /** PostgreSQL is older than what is supported. */
    | 'too-old'
    | 'key-invalid'
    | 'failed'
  /** A sentence for a person; never has a password in it. */
  detail: string
}

/** An engine that is ready, and what gives the store back to others. */
export interface Opened {
  engine: Engine
  release: () => void
}

/** Opens a store, and makes it or brings it up to date where that is needed. */
export async function openStore(
  options: StoreOptions,
): Promise<Result<{ store: Store; keys: Keys }, OpenFailure>> {
  const opened = await openEngine(options)
  if (!opened.ok) return opened
  const { engine, release } = opened.value
  const { monotonic } = options.clock ?? systemClock
  const watch = new Watch(() => monotonic() * 1000, noSweepYet(0))
  const store = new SqlStore(engine, systemClock, watch, release)
  try {
    const { check, now, times } = await store.read(async tx => ({
      check: await tx.meta('key_check'),
      now: tx.now,
      times: await timesOf(tx),
    }))
    watch.set(
      { ...noSweepYet(now), ...(times && { watched: times.watched, jumps: jumpsOf(times) }) },
      monotonic() * 1000,
    )
    const keys = openKeys(options.keyFile, check)
    if (!keys.ok) {
      await store[Symbol.asyncDispose]()
      return fail({ reason: 'key-invalid', detail: keys.failure })
    }
    if (check === undefined) await store.write(async tx => tx.setMeta('key_check', keys.value.check))
    return ok({ store, keys: keys.value })
  } catch (error) {
    await store[Symbol.asyncDispose]()
    if (!(error instanceof StoreFailure)) throw error
    return fail({ reason: openReasons[error.reason] ?? 'failed', detail: error.message })
  }
}

/** Time as it is until a sweep says more. */
const noSweepYet = (now: number): TimeSeen => ({
  now,
  watched: now,
  jumps: [],
  longest: Number.POSITIVE_INFINITY,
})

/** What a store that fails as soon as it is open is as one that cannot be opened. */
const openReasons: { [reason in StoreFailure['reason']]?: OpenFailure['reason'] } = {
  damaged: 'damaged',
  'disk-full': 'disk-full',
  unavailable: 'unreachable',
}

async function openEngine({
  database,
  dataDir,
  clock,
  stop,
}: StoreOptions): Promise<Result<Opened, OpenFailure>> {
  if (database.startsWith('sqlite:')) {
    const path = database.slice('sqlite:'.length)
    return openSqlite(path, dataDir, clock ?? systemClock)
  }
  if (/^postgres(ql)?:\/\//.test(database))
    return openPostgres(database, systemClock, clock && (() => clock.now().getTime()), stop)
  return fail({
    reason: 'database-invalid',
    detail: 'the database must be sqlite:PATH or postgres://USER@HOST/NAME',
  })
}
