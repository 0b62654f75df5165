/* What happens because time passes. */
import type { Context } from './context.ts'
import { electGroup } from './election.ts'
import { expire } from './expire.ts'
import { isOutage, type Sighting } from './outage.ts'
import { unreadable } from './pages.ts'
import { groupOf } from './runner-facts.ts'
import type { Reader, Store, Writer } from './store/store.ts'
import { putTick, tickOf } from './tick.ts'

/** Seconds between two sweeps. */
export const sweepEvery = 5
/** Rows that one writer looks at, so that nobody waits long for it. */
const piece = 100
/** Pieces of one kind in one sweep: the rest is for the next one. */
const mostPieces = 200
/** Milliseconds between two elections in each group, whatever has changed. */
const electEvery = 60_000
/** Milliseconds that idempotency keys are kept. */
const keysKept = 86_400_000
const day = 86_400_000

/** What a sweep came to. */
export interface Swept {
  /** Every deadline was moved, since the server had been away or a clock had jumped. */
  outage: boolean
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
  #elected = Number.NEGATIVE_INFINITY

  /** `monotonic` gives seconds (edges.ts). */
  constructor(store: Store, ctx: Context, monotonic: () => number) {
    this.#store = store
    this.#ctx = ctx
    this.#monotonic = () => monotonic() * 1000
  }

  async sweep(): Promise<Swept> {
    const outage = await this.#tick()
    const lost = await this.#expire()
    await this.#watchRunners()
    if (outage || this.#monotonic() - this.#elected >= electEvery) {
      this.#elected = this.#monotonic()
      await this.#electAll()
      await this.#write(tx => tx.removeStale(tx.now - keysKept))
    }
    await this.#retire()
    return { outage, lost }
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

  async #tick(): Promise<boolean> {
    const { seen, outage } = await this.#write(async tx => {
      const seen = this.#look(tx)
      const tick = await tickOf(tx)
      const outage = isOutage(tick, this.#last, seen, this.#lease)
      if (outage) await tx.postponeAll(this.#lease, tick ?? 0)
      putTick(tx)
      return { seen, outage }
    })
    this.#last = seen
    return outage
  }

  async #expire(): Promise<number> {
    let lost = 0
    await inPieces(() =>
      this.#write(async tx => {
        // The process or the store can stand still in mid-sweep, too: the next one moves the deadlines.
        if (isOutage(await tickOf(tx), this.#last, this.#look(tx), this.#lease)) return 0
        const rows = await tx.due(piece)
        for (const { id } of rows) {
          // What expired before it may have changed it.
          const row = await tx.execution(id)
          if (row === undefined || row.deadline === null || row.deadline > tx.now) continue
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
          tx.putRunner({ ...runner, looked_at: tx.now })
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

  /** Removes what ended longer ago than it is kept. */
  #retire(): Promise<void> {
    const kept = this.#ctx.settings.retention_days * day
    return inPieces(() => this.#write(tx => tx.removeEnded(tx.now - kept, piece)))
  }
}

/** Repeats as long as pieces are full. */
async function inPieces(work: () => Promise<number>): Promise<void> {
  for (let pieces = 0; pieces < mostPieces; pieces++) if ((await work()) < piece) return
}
