/* Changes that follow from the passing of time. */

import type { Line } from '../../store/queue.ts'
import type { Reader } from '../../store/reader.ts'
import type { TokenRow } from '../../store/rows.ts'
import type { Store } from '../../store/store.ts'
import { jumpsOf, putSweepMark, type SweepMark, sweepMarkOf } from '../../store/sweep-mark.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import { groupOf } from '../rules/effective.ts'
import { longestGap, lookAtClocks, type Sighting } from '../rules/outage.ts'
import { electGroup } from '../state/election.ts'
import { keyLasts } from '../state/idempotency.ts'
import { advance } from '../state/lines.ts'
import { noteLate } from '../state/notices.ts'
import { all } from '../state/pages.ts'
import { unreadable } from '../state/unreadable.ts'
import { expire } from './expire.ts'

/** Seconds between two sweeps. */
export const sweepEvery = 5
/** Rows that one writer looks at, so that no other writer waits long for it. */
const piece = 100
/** Pieces of one kind in one sweep: the rest is for the next one. */
const mostPieces = 200
/** Milliseconds between two elections in each group, even if nothing has changed. */
const electEvery = 60_000
/**
 * Old rows of one kind that one sweep removes at most: rows that only a wrong clock makes old are not removed
 * all at once.
 */
const mostRemoved = 1000
const day = 86_400_000
/** Milliseconds of watched time for which changes are kept, for readers that connect again. */
const changesKept = 600_000
/** Commits whose changes one writer removes; a full piece is followed by another one. */
const changesPiece = 2000

/** The outcome of a sweep. */
export interface Swept {
  /** Every deadline was moved, since the server had been away or a clock had jumped. */
  outage: boolean
  /** The milliseconds by which the clock has jumped. */
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
  #times: SweepMark | undefined
  #elected = Number.NEGATIVE_INFINITY

  /** `monotonic` gives seconds (edges.ts). */
  constructor(store: Store, ctx: Context, monotonic: () => number) {
    this.#store = store
    this.#ctx = ctx
    this.#monotonic = () => monotonic() * 1000
  }

  async sweep(): Promise<Swept> {
    const { outage, jump } = await this.#mark()
    if (outage) this.#elected = Number.NEGATIVE_INFINITY
    const lost = await this.#expire()
    await this.#watchRunners()
    await this.#noteLate()
    const now = this.#monotonic()
    if (now - this.#elected >= electEvery) {
      await this.#electAll()
      await this.#advanceAll()
      await this.#remove(1, tx => tx.removeTokens(tx.now - day, mostRemoved))
      await this.#write(tx => tx.removeBrowsers(tx.watched))
      // Set only now: elections that the store did not take are for the next sweep.
      this.#elected = now
    }
    await this.#remove(1, tx => tx.removeKeys(tx.watched - keyLasts, mostRemoved))
    await inPieces(() => this.#write(tx => tx.removeChanges(tx.watched - changesKept, changesPiece)), 20)
    const kept = this.#ctx.settings.retention_days * day
    const audited = this.#ctx.settings.audit_days * day
    if (audited > 0) await this.#remove(mostRemoved / piece, tx => tx.removeAudit(tx.now - audited, piece))
    // 0 days: for ever.
    if (kept > 0) {
      await this.#remove(mostRemoved / piece, tx => tx.removeEnded(tx.now - kept, piece))
      await this.#remove(1, tx => tx.removeNotices(tx.now - kept, mostRemoved))
      await this.#remove(1, tx => tx.removeMissed(tx.now - kept, mostRemoved))
    }
    return { outage, jump, lost }
  }

  /** The next sweep repeats changes that were forgotten, so they need no fsync. */
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

  async #mark(): Promise<{ outage: boolean; jump: number }> {
    const { seen, found } = await this.#write(async tx => {
      const seen = this.#look(tx)
      const before = this.#times ?? (await sweepMarkOf(tx))
      const found = lookAtClocks(before, this.#last, seen, this.#lease)
      const { watched } = found.times
      if (found.outage) await tx.postponeAll(this.#lease, before?.watched ?? watched, watched)
      if (found.wrongSince !== undefined) await setRight(tx, found.wrongSince, found.jump)
      putSweepMark(tx, found.times)
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

  /** Whether a sweep would find an outage now: then no time may be trusted. */
  #isOutage(tx: Reader): boolean {
    return lookAtClocks(this.#times, this.#last, this.#look(tx), this.#lease).outage
  }

  async #expire(): Promise<number> {
    let lost = 0
    await inPieces(() =>
      this.#write(async tx => {
        // The process or the store can pause in the middle of a sweep, too: the next sweep moves the
        // deadlines.
        if (this.#isOutage(tx)) return 0
        const rows = await tx.due(piece)
        for (const { id } of rows) {
          // An expiry before this one may have changed the execution.
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

  /** Runs that take longer than expected. */
  async #noteLate(): Promise<void> {
    await inPieces(() =>
      this.#write(async tx => {
        if (this.#isOutage(tx)) return 0
        const rows = await tx.late(piece)
        for (const { id } of rows) {
          // Two attempts of one run may be among them.
          const row = await tx.execution(id)
          if (row !== undefined && row.late_at !== null) await noteLate(tx, this.#ctx, row)
        }
        return rows.length
      }),
    )
  }

  async #electAll(): Promise<void> {
    let after: string | undefined
    await inPieces(() =>
      this.#write(async tx => {
        const page = { limit: piece, after }
        const groups = await tx.listGroups(page, unreadable)
        for (const group of groups) if (!('unreadable' in group)) await electGroup(tx, this.#ctx, group.name)
        const last = groups.at(-1)
        after = last && ('unreadable' in last ? last.id : last.name)
        return groups.length
      }),
    )
  }

  /**
   * Looks at every line in which executions wait: the row for which one waits may be damaged, so that nobody
   * says when its execution ends.
   */
  async #advanceAll(): Promise<void> {
    let after: Line | undefined
    await inPieces(() =>
      this.#write(async tx => {
        const lines = await tx.lines(piece, after)
        for (const line of lines) await advance(tx, line)
        after = lines.at(-1)
        return lines.length
      }),
    )
  }

  /** Removes old rows, unless a clock has jumped lately, so that rows may only look old. */
  async #remove(pieces: number, remove: (tx: Writer) => Promise<number>): Promise<void> {
    if (this.#times === undefined || this.#times.keep > 0) return
    await inPieces(() => this.#write(async tx => (this.#isOutage(tx) ? 0 : remove(tx))), pieces)
  }
}

/**
 * A clock that was wrong since some watched time is right again: the tokens that were made meanwhile move
 * with it.
 */
async function setRight(tx: Writer, since: number, jump: number): Promise<void> {
  const made: TokenRow[] = []
  for await (const token of all(page => tx.listTokens(page, unreadable)))
    if (!('unreadable' in token) && token.watched_at >= since) made.push(token)
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

/** Repeats while pieces are full. */
async function inPieces(work: () => Promise<number>, most = mostPieces): Promise<void> {
  for (let pieces = 0; pieces < most; pieces++) if ((await work()) < piece) return
}
