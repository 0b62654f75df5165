/* Fires the schedules of jobs. */
import type { MissedReason } from '../../protocol/messages/schedules.ts'
import { nameOfKey } from '../../store/rows.ts'
import { restoredKey, type ScheduleRow } from '../../store/schedule-rows.ts'
import type { Store } from '../../store/store.ts'
import { sweepMarkOf } from '../../store/sweep-mark.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import { type ClockVerdict, type ClockWatch, judgeClock, longestAbsence } from '../rules/schedule-clock.ts'
import { forgetBehind } from '../state/missed.ts'
import { addMissedMark, type MissedMark, shortenMarks } from '../state/missed-marks.ts'
import { planOf } from '../state/plans.ts'
import { type PausedAt, pausedIn, pausedSince, withNext } from '../state/schedules.ts'
import { ifReadable } from '../state/unreadable.ts'
import { type Decided, decide, fireRules } from './fire.ts'

/** Seconds between two looks at what is due, at most. */
const scheduleEvery = 1
/**
 * Schedules that one writer looks at: the more there are in one, the sooner all are fired, and the longer
 * others wait.
 */
const pieces = { due: 1000, stale: 100 }
/** Writers in one round, after which what else there is to do has its turn. */
const mostWriters = 400

const zonesKey = 'schedules.zones'
const lineageKey = 'schedules.lineage'

/** The text for each reason for which schedules may have missed times. */
export const textOfMissed: Record<MissedMark['reason'], string> = {
  outage: 'no server ran for a while: each schedule catches up the times that it has missed, by its own rule',
  clock: 'the clock has jumped ahead: each schedule catches up the times that it has missed, by its own rule',
  restored:
    'the store was restored from a backup: nothing that schedules have missed since then is caught up',
}

/** The result of a round. */
export interface Round {
  fired: number
  notFired: Partial<Record<MissedReason, number>>
  /** The verdict on the clock; all but `go` and `hold` are worth a line in the log. */
  verdict: ClockVerdict
}

/** The scheduler of one server: one round after the other, and `begin` before the first sweep. */
export class Scheduler {
  readonly #store: Store
  readonly #ctx: Context
  /** Milliseconds. */
  readonly #monotonic: () => number
  #watch: ClockWatch | undefined
  #wait = scheduleEvery

  /** `monotonic` gives seconds (edges.ts). */
  constructor(store: Store, ctx: Context, monotonic: () => number) {
    this.#store = store
    this.#ctx = ctx
    this.#monotonic = () => monotonic() * 1000
  }

  /**
   * Notes what was missed while no server ran: before the first sweep, which leaves its own time in the place
   * of the latest one. Gives the reason, where something may have been missed.
   */
  async begin(): Promise<MissedMark['reason'] | undefined> {
    return this.#store.write(async tx => {
      const sweep = await sweepMarkOf(tx)
      const reason = await this.#whyMissed(tx, sweep?.tick)
      if (reason !== undefined) await addMissedMark(tx, { until: tx.now, reason })
      const zones = process.versions.tz ?? ''
      if ((await tx.meta(zonesKey)) !== zones) {
        await tx.staleAll({ parked: false })
        tx.setMeta(zonesKey, zones)
      }
      // A server whose clock was set back while it did not run.
      if (sweep !== undefined && sweep.tick > tx.now)
        this.#watch = { last: { now: sweep.tick, monotonic: this.#monotonic() } }
      return reason
    })
  }

  async #whyMissed(tx: Writer, last: number | undefined): Promise<MissedMark['reason'] | undefined> {
    const lineage = this.#store.lineage ?? ''
    const before = (await tx.meta(lineageKey)) ?? ''
    if (before !== lineage) tx.setMeta(lineageKey, lineage)
    const restored = ((await tx.meta(restoredKey)) ?? '') !== ''
    if (restored) tx.setMeta(restoredKey, '')
    if (last === undefined) return undefined
    if (restored || (before !== '' && lineage !== '' && before !== lineage)) return 'restored'
    return tx.now - last > longestAbsence ? 'outage' : undefined
  }

  /** Seconds after which the next schedule may be due. */
  get wait(): number {
    return this.#wait
  }

  /** Decides about all that is due, and computes what is next. */
  async round(): Promise<Round> {
    const round: Round = { fired: 0, notFired: {}, verdict: await this.#look() }
    this.#wait = scheduleEvery
    if (round.verdict === 'hold') return round
    for (let writers = 0; writers < mostWriters; writers++) {
      const { now, due, stale } = await this.#store.read(async tx => ({
        now: tx.now,
        due: await tx.nextDue(),
        stale: await tx.hasStale(),
      }))
      const isDue = due !== undefined && due <= now
      // Due schedules are fired before the next times are read: those are not urgent.
      if (isDue) for (const decided of await this.#fire()) count(round, decided)
      else if (stale) await this.#compute()
      else {
        if (due !== undefined) this.#wait = Math.min(scheduleEvery, Math.max(0.001, (due - now) / 1000))
        break
      }
    }
    return round
  }

  /** Reads the clocks; a jump that is believed is written down. */
  async #look(): Promise<ClockVerdict> {
    const now = await this.#store.read(async tx => tx.now)
    const { watch, verdict } = judgeClock(this.#watch, { now, monotonic: this.#monotonic() })
    if (verdict !== 'go' && verdict !== 'hold')
      await this.#store.write(async tx => {
        if (verdict === 'forward') await addMissedMark(tx, { until: tx.now, reason: 'clock' })
        else if (verdict === 'away') await addMissedMark(tx, { until: tx.now, reason: 'outage' })
        else {
          await shortenMarks(tx)
          await tx.staleAll({ parked: false })
        }
      })
    this.#watch = watch
    return verdict
  }

  /** The jobs are read at once. */
  #fire(): Promise<Decided[]> {
    return this.#store.write(async tx => {
      const rows = await tx.dueSchedules(pieces.due)
      await tx.jobs(rows.map(({ job }) => job))
      const rules = await fireRules(tx, this.#ctx)
      const decided: Decided[] = []
      for (const row of rows) decided.push(...(await decide(tx, this.#ctx, row, rules)))
      return decided
    })
  }

  /** A crash before it is on disk has it done again. */
  #compute(): Promise<void> {
    return this.#store.write(
      async tx => {
        const paused = await pausedIn(tx)
        const rows = await tx.staleSchedules(pieces.stale)
        await tx.jobs(rows.map(({ job }) => job))
        for (const row of rows) await computeNext(tx, this.#ctx, row, paused)
      },
      { durable: false },
    )
  }
}

/**
 * Computes the next time of a schedule, and puts its row; where the job is gone or cannot be read, none
 * comes.
 */
async function computeNext(tx: Writer, ctx: Context, row: ScheduleRow, paused: PausedAt): Promise<void> {
  const job = await ifReadable(tx.job(nameOfKey(row.job)))
  const planned = job?.body.schedule ? planOf(ctx, job) : undefined
  if (!planned?.ok) return tx.putSchedule({ ...row, stale: 0, scheduled_for: null, due_at: null })
  const isPaused = row.paused_at !== null || pausedSince(paused, row.namespace) !== undefined
  const missed =
    row.parked && !isPaused ? { until: tx.now, reason: 'paused' as const } : notBeyond(row, tx.now)
  // A wrong clock has set a place in the future; times that were fired there are not fired again.
  const after = Math.min(row.after, tx.now)
  const kept = after < row.after ? await forgetBehind(tx, row, after, planned.value.plan) : row
  tx.putSchedule(withNext({ ...kept, missed, after, parked: false }, planned.value))
}

/** The missed times of a schedule, without an end in the future that a wrong clock has set. */
const notBeyond = ({ missed }: ScheduleRow, now: number): ScheduleRow['missed'] =>
  missed && { ...missed, until: Math.min(missed.until, now) }

function count(round: Round, decided: Decided): void {
  if ('fired' in decided) round.fired++
  else round.notFired[decided.notFired] = (round.notFired[decided.notFired] ?? 0) + decided.count
}
