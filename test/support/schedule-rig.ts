/* The scheduler of a server on a real store, with clocks that a test moves. */
import type { JobBody } from '../../src/protocol/messages/jobs.ts'
import { pauseAll } from '../../src/server/operator-side/pause-all.ts'
import { pauseJob } from '../../src/server/operator-side/pause-job.ts'
import { putJob } from '../../src/server/operator-side/put-job.ts'
import { type Round, Scheduler } from '../../src/server/upkeep/scheduler.ts'
import { type ExecutionRow, jobKey } from '../../src/store/rows.ts'
import type { MissedRow, ScheduleRow } from '../../src/store/schedule-rows.ts'
import { everything } from './server-caller.ts'
import type { ServerRig } from './server-rig.ts'

export const job = (name: string) => ({ namespace: 'default', name })

export class ScheduleRig {
  readonly rig: ServerRig
  #scheduler: Scheduler

  private constructor(rig: ServerRig) {
    this.rig = rig
    this.#scheduler = this.#make()
  }

  static async start(rig: ServerRig): Promise<ScheduleRig> {
    const made = new ScheduleRig(rig)
    await made.restart()
    return made
  }

  #make(): Scheduler {
    return new Scheduler(this.rig.store, this.rig.ctx, () => this.rig.clock.monotonic / 1000)
  }

  /** A new process of the server: `away` seconds after the one before has ended. */
  async restart(away = 0): Promise<string | undefined> {
    this.rig.pass(away)
    this.#scheduler = this.#make()
    const reason = await this.#scheduler.begin()
    await this.rig.restart().sweep()
    return reason
  }

  round(): Promise<Round> {
    return this.#scheduler.round()
  }

  /** Lets time pass, with a round every `step` seconds and one at the end. */
  async wait(seconds: number, step = 20): Promise<void> {
    for (let left = seconds; left > 0; left -= step) {
      this.rig.pass(Math.min(step, left))
      await this.round()
      await this.rig.sweeper.sweep()
    }
  }

  async put(name: string, definition: Partial<JobBody>): Promise<void> {
    const body = { image: 'busybox', ...definition }
    const put = await this.rig.write(tx => putJob(tx, this.rig.ctx, job(name), body))
    if (!put.ok) throw new Error(put.failure.detail)
  }

  /** Why a put is refused. */
  async refusal(name: string, definition: Partial<JobBody>): Promise<string | undefined> {
    const body = { image: 'busybox', ...definition }
    const put = await this.rig.write(tx => putJob(tx, this.rig.ctx, job(name), body))
    return put.ok ? undefined : put.failure.detail
  }

  async pause(name: string | undefined, isToPause: boolean): Promise<void> {
    const { ctx } = this.rig
    if (name === undefined) await this.rig.write(tx => pauseAll(tx, everything, isToPause))
    else await this.rig.write(tx => pauseJob(tx, ctx, job(name), isToPause))
  }

  /** The first attempts that the schedule of a job has made, the earliest first. */
  async fired(name: string): Promise<ExecutionRow[]> {
    const rows = await this.rig.read(tx => tx.listExecutions({ job_name: name }, { limit: 5000 }))
    return rows
      .filter(row => row.scheduled_for !== null && row.attempt === 1)
      .toSorted((one, other) => one.scheduled_for! - other.scheduled_for!)
  }

  /** Their times, as `HH:MM:SS`, with the reason of a late one. */
  async times(name: string): Promise<string[]> {
    return (await this.fired(name)).map(
      ({ scheduled_for, catch_up }) => `${clock(scheduled_for!)}${catch_up === null ? '' : ` ${catch_up}`}`,
    )
  }

  /** The times that were not fired, the earliest first: `outage 00:01:00-00:03:00 3`. */
  async missed(name: string): Promise<string[]> {
    return (await this.missedRows(name)).map(
      ({ reason, from, to, count }) => `${reason} ${clock(from)}-${clock(to)} ${count}`,
    )
  }

  async missedRows(name: string): Promise<MissedRow[]> {
    const rows = await this.rig.read(tx => tx.listMissed({ job: jobKey(job(name)) }, { limit: 1000 }))
    return rows.toSorted((one, other) => one.from - other.from)
  }

  schedule(name: string): Promise<ScheduleRow | undefined> {
    return this.rig.read(tx => tx.schedule(jobKey(job(name))))
  }
}

const clock = (time: number): string => new Date(time).toISOString().slice(11, 19)
