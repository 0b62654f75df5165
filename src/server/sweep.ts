/* What happens because time passes. */
import type { Context } from './context.ts'
import { electGroup } from './election.ts'
import { expire } from './expire.ts'
import { lookAtClocks, type Sighting, type Times } from './outage.ts'
import { all, unreadable } from './pages.ts'
import { groupOf } from './runner-facts.ts'
import type { Reader, Store, TokenRow, Writer } from './store/store.ts'
import { keyLasts } from './submit.ts'
import { jumpsOf, longestGap, putTimes, timesOf } from './tick.ts'

/** Seconds between two sweeps. */
export const sweepEvery = 5
/** Rows that one writer looks at, so that nobody waits long for it. */
const piece = 100
/** Pieces of one kind in one sweep: the rest is for the next one. */
const mostPieces = 200
/** Milliseconds between two elections in each group, whatever has changed. */
const electEvery = 60_000
/** Old rows of one kind that one sweep removes at most: what a wrong clock makes old does not go at once. */
const mostRemoved = 1000
const day = 86_400_000

/** What a sweep came to. */
export interface Swept {
  /** Every deadline was moved, since the server had been away or a clock had jumped. */
  outage: boolean
  /** By how many milliseconds the clock has jumped. */
  jump: number
  /** Executions whose lease ended. */
  lost: number
}

/** The sweep of one server, every `sweepEvery` seconds, and once before it hands anything out. */
export class Sweeper {
  readonly #store: Store
  readonly #ctx: Context
  /** Milliseconds. */
  readonly #monotonic: () => number
  #last: Sighting | undefined
  #times: Times | undefined
  #elected = Number.NEGATIVE_INFINITY

  /** `monotonic` gives seconds (edges.ts). */
  constructor(store: Store, ctx: Context, monotonic: () => number) {
    this.#store = store
    this.#ctx = ctx
    this.#monotonic = () => monotonic() * 1000
  }

  async sweep(): Promise<Swept> {
    const { outage, jump } = await this.#tick()
    const lost = await this.#expire()
    await this.#watchRunners()
    if (outage || this.#monotonic() - this.#elected >= electEvery) {
      this.#elected = this.#monotonic()
      await this.#electAll()
      await this.#remove(1, tx => tx.removeTokens(tx.now - day, mostRemoved))
    }
    await this.#remove(1, tx => tx.removeKeys(tx.watched - keyLasts, mostRemoved))
    const kept = this.#ctx.settings.retention_days * day
    await this.#remove(mostRemoved / piece, tx => tx.removeEnded(tx.now - kept, piece))
    return { outage, jump, lost }
  }

  /** Whatever is swept comes again if it is forgotten, so it needs no fsync. */
  #write<T>(writer: (tx: Writer) => Promise<T>): Promise<T> {
    return this.#store.write(writer, { durable: false })
  }

  /** Milliseconds. */
  get #lease(): number {
    return this.#ctx.settings.lease_seconds * 1000
  }

  #look(tx: Reader): Sighting {
    return { now: tx.now, monotonic: this.#monotonic() }
  }

  async #tick(): Promise<{ outage: boolean; jump: number }> {
    const { seen, found } = await this.#write(async tx => {
      const seen = this.#look(tx)
      const before = this.#times ?? (await timesOf(tx))
      const found = lookAtClocks(before, this.#last, seen, this.#lease)
      const { watched } = found.times
      if (found.outage) await tx.postponeAll(this.#lease, before?.watched ?? watched, watched)
      if (found.wrongSince !== undefined) await setRight(tx, found.wrongSince, found.jump)
      putTimes(tx, found.times)
      return { seen, found }
    })
    this.#last = seen
    this.#times = found.times
    const { watched } = found.times
    this.#store.watch.set(
      { now: seen.now, watched, jumps: jumpsOf(found.times), longest: longestGap(this.#lease) },
      seen.monotonic,
    )
    return found
  }

  /** Whether a sweep that looked now would find an outage: then nothing may go by a time. */
  #isOutage(tx: Reader): boolean {
    return lookAtClocks(this.#times, this.#last, this.#look(tx), this.#lease).outage
  }

  async #expire(): Promise<number> {
    let lost = 0
    await inPieces(() =>
      this.#write(async tx => {
        // The process or the store can stand still in mid-sweep, too: the next one moves the deadlines.
        if (this.#isOutage(tx)) return 0
        const rows = await tx.due(piece)
        for (const { id } of rows) {
          // What expired before it may have changed it.
          const row = await tx.execution(id)
          if (row === undefined || row.deadline === null || row.deadline > tx.watched) continue
          if (row.state === 'running') lost++
          await expire(tx, this.#ctx, row)
        }
        return rows.length
      }),
    )
    return lost
  }

  /** Runners that are not connected any more, or healthy again. */
  async #watchRunners(): Promise<void> {
    await inPieces(() =>
      this.#write(async tx => {
        const runners = await tx.dueRunners(piece)
        for (const runner of runners) {
          tx.putRunner({ ...runner, looked_at: tx.watched })
          tx.notify({ about: 'slot', runner_id: runner.id })
        }
        for (const group of new Set(runners.map(groupOf))) await electGroup(tx, this.#ctx, group)
        return runners.length
      }),
    )
  }

  async #electAll(): Promise<void> {
    let after: string | undefined
    await inPieces(() =>
      this.#write(async tx => {
        const page = { limit: piece, ...(after !== undefined && { after }) }
        const groups = await tx.listGroups(page, unreadable)
        for (const group of groups) if (!('unreadable' in group)) await electGroup(tx, this.#ctx, group.name)
        const last = groups.at(-1)
        after = last && ('unreadable' in last ? last.id : last.name)
        return groups.length
      }),
    )
  }

  /** Removes what is old, unless a clock has jumped lately, so that it may only look old. */
  async #remove(pieces: number, remove: (tx: Writer) => Promise<number>): Promise<void> {
    if (this.#times === undefined || this.#times.keep > 0) return
    await inPieces(() => this.#write(async tx => (this.#isOutage(tx) ? 0 : remove(tx))), pieces)
  }
}

/** A clock that was wrong since some watched time is right again: the tokens that were made meanwhile move with it. */
async function setRight(tx: Writer, since: number, jump: number): Promise<void> {
  const made: TokenRow[] = []
  for await (const token of all(page => tx.listTokens(page, unreadable)))
    if (!('unreadable' in token) && (token.watched_at ?? Number.NEGATIVE_INFINITY) >= since) made.push(token)
  for (const token of made) {
    const { created_at, expires_at } = token
    tx.putToken({
      ...token,
      created_at: created_at + jump,
      expires_at: expires_at === null ? null : expires_at + jump,
    })
  }
  if (made.length > 0) tx.notify({ about: 'tokens' })
}

/** Repeats as long as pieces are full. */
async function inPieces(work: () => Promise<number>, most = mostPieces): Promise<void> {
  for (let pieces = 0; pieces < most; pieces++) if ((await work()) < piece) return
}
