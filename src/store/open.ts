import { type Clock, systemClock } from '../edges.ts'
import { fail, ok, type Result } from '../result.ts'
import { diskFullText, isDiskFull, StoreFailure } from './failure.ts'
import { type Interrupted, settleKeys } from './next-key.ts'
import type { Opened, StoreOpenFailure } from './opened.ts'
import { openPostgres } from './postgres/open.ts'
import { type KeyProblem, openKeys, type SealKeys } from './seal-key.ts'
import { SqlStore } from './sql/sql-store.ts'
import { dropFreePages } from './sqlite/free-pages.ts'
import { openSqlite } from './sqlite/open.ts'
import type { Store } from './store.ts'
import { jumpsOf, sweepMarkOf } from './sweep-mark.ts'
import { type TimeSeen, WatchedTime } from './watched-time.ts'

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

/** A store that is ready, its keys, and what became of a rekey that was interrupted. */
export interface OpenedStore {
  store: Store
  keys: SealKeys
  rekey: Interrupted | undefined
}

/** Opens a store, and makes it or brings it up to date where that is needed. */
export async function openStore(options: StoreOptions): Promise<Result<OpenedStore, StoreOpenFailure>> {
  const opened = await openEngine(options)
  if (!opened.ok) return opened
  const { engine, release } = opened.value
  const path = /^sqlite:(.*)$/.exec(options.database)?.[1]
  const { monotonic } = options.clock ?? systemClock
  const watch = new WatchedTime(() => monotonic() * 1000, noSweepYet(0))
  const store = new SqlStore(engine, systemClock, watch, release)
  try {
    const { check, now, mark } = await store.read(async tx => ({
      check: await tx.meta('key_check'),
      now: tx.now,
      mark: await sweepMarkOf(tx),
    }))
    const seen = noSweepYet(now)
    watch.set(
      mark === undefined ? seen : { ...seen, watched: mark.watched, jumps: jumpsOf(mark) },
      monotonic() * 1000,
    )
    const ready = await readyKeys(store, options.keyFile, check)
    if (!ready.ok) {
      await store[Symbol.asyncDispose]()
      return fail({ reason: 'key-invalid', detail: ready.failure })
    }
    const { keys, rekey } = ready.value
    if (path !== undefined && rekey?.outcome === 'completed') dropFreePages(path)
    if (check === undefined) await store.write(async tx => tx.setMeta('key_check', keys.check))
    return ok({ store, keys, rekey })
  } catch (error) {
    await store[Symbol.asyncDispose]()
    if (!(error instanceof StoreFailure)) throw error
    // The address of a PostgreSQL may have a password in it.
    const database = path === undefined ? 'the database' : `the database ${path}`
    const detail = isDiskFull(error) ? diskFullText(database) : error.message
    return fail({ reason: openReasons[error.reason] ?? 'failed', detail })
  }
}

/** The keys of a store that remembers `check`, after the end of a rekey that was interrupted. */
async function readyKeys(
  store: Store,
  keyFile: string,
  check: string | undefined,
): Promise<Result<Pick<OpenedStore, 'keys' | 'rekey'>, KeyProblem>> {
  const keepCheck = (check: string) => store.write(async tx => tx.setMeta('key_check', check))
  const settled =
    check === undefined ? ok(undefined) : await settleKeys(keyFile, check, () => keepCheck(check))
  if (!settled.ok) return settled
  const keys = openKeys(keyFile, check)
  return keys.ok ? ok({ keys: keys.value, rekey: settled.value }) : keys
}

/** Time as it is until a sweep says more. */
const noSweepYet = (now: number): TimeSeen => ({
  now,
  watched: now,
  jumps: [],
  longest: Number.POSITIVE_INFINITY,
})

/** For each failure of a store that has just been opened: the failure to open that it counts as. */
const openReasons: { [reason in StoreFailure['reason']]?: StoreOpenFailure['reason'] } = {
  damaged: 'damaged',
  'disk-full': 'disk-full',
  unavailable: 'unreachable',
  'too-new': 'too-new',
}

/** Opens the engine of a store, alone: no other process has it then. */
export async function openEngine({
  database,
  dataDir,
  clock,
  stop,
}: StoreOptions): Promise<Result<Opened, StoreOpenFailure>> {
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
