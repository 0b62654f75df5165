/*
 * Schedules under whatever happens to a server: time passes, processes end and begin anew, clocks jump and come back, people
 * pause and define anew, and restore backups. No time is fired twice, also not by a store that is made from a backup, and none
 * is lost: it was fired, or is on record, or comes.
 */
import t from 'tap'
import { onEachDatabase } from '../../support/databases.ts'
import { job, ScheduleRig } from '../../support/schedule-rig.ts'
import { makeServerRig, type ServerRig } from '../../support/server-rig.ts'
import { backupsOf, type StoreBackups } from '../../support/store-backups.ts'
import { tries } from '../../support/tier.ts'

t.setTimeout(1_800_000)

const seeds = tries(1)
const steps = 40
const hour = 3600
const minute = 60_000

/** Numbers from 0 to below 1, the same for the same seed. */
function chance(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

const policies = ['none', 'last', 'all'] as const
const names = ['none', 'last', 'all', 'forbid', 'queue'] as const
type Name = (typeof names)[number]

onEachDatabase(
  t,
  'no time of a schedule is fired twice, and none is lost',
  async (t, database, directory) => {
    const backups = backupsOf(database, directory)
    const open = (clock?: ServerRig['clock']) => makeServerRig(database, directory, {}, clock)
    let schedules = await ScheduleRig.start(await open())
    for (let seed = 1; seed <= seeds; seed++) {
      const walk = new Walk(seed, schedules, backups, open)
      const log = await walk.go()
      for (const name of names) {
        const problem = await walk.problemOf(name)
        t.ok(problem === undefined, `seed ${seed}, ${name}: ${problem} after ${log.join(' ')}`)
      }
      schedules = await walk.end()
    }
    await schedules.rig[Symbol.asyncDispose]()
  },
)

/** One walk through what may happen, and what is known of it beside the store. */
class Walk {
  readonly #seed: number
  #schedules: ScheduleRig
  readonly #backups: StoreBackups
  readonly #open: (clock: ServerRig['clock']) => Promise<ServerRig>
  readonly #random: () => number
  /** From when on each schedule stands as it does, now and in the latest backup. */
  #since = new Map<Name, number>()
  #sinceInBackup = new Map<Name, number>()
  /** Times that a store has fired that is gone; the store that was made from a backup does not know of them. */
  readonly #gone = new Map<Name, Set<number>>(names.map(name => [name, new Set()]))

  constructor(
    seed: number,
    schedules: ScheduleRig,
    backups: StoreBackups,
    open: (clock: ServerRig['clock']) => Promise<ServerRig>,
  ) {
    this.#seed = seed
    this.#schedules = schedules
    this.#backups = backups
    this.#open = open
    this.#random = chance(seed)
  }

  #pick<T>(values: readonly T[]): T {
    return values[Math.floor(this.#random() * values.length)]!
  }

  #seconds(most: number, least = 0): number {
    return Math.ceil(least + this.#random() * most)
  }

  /** The name of a job, and another one in each walk. */
  #job(name: Name = this.#pick(names)): string {
    return `${name}-${this.#seed}`
  }

  /** Does so many steps, and gives what they were. */
  async go(): Promise<string[]> {
    for (const name of names) await this.#put(name)
    await this.#backUp()
    const log: string[] = []
    for (let step = 0; step < steps; step++) {
      const name = this.#pick(Object.keys(this.#does))
      log.push(name)
      await this.#does[name]!()
    }
    for (const name of names) await this.#schedules.pause(this.#job(name), false)
    await this.#schedules.pause(undefined, false)
    await this.#schedules.wait(130, 10)
    return log
  }

  readonly #does: Record<string, () => Promise<unknown>> = {
    wait: () => this.#schedules.wait(this.#seconds(200), 10),
    restart: () => this.#schedules.restart(this.#seconds(20)),
    outage: () => this.#schedules.restart(this.#seconds(2 * hour, 100)),
    pause: () => this.#schedules.pause(this.#job(), true),
    resume: () => this.#schedules.pause(this.#job(), false),
    pauseAll: () => this.#schedules.pause(undefined, true),
    resumeAll: () => this.#schedules.pause(undefined, false),
    again: () => this.#put(this.#pick(names)),
    standStill: async () => this.#schedules.rig.pass(this.#seconds(300)),
    jump: async () => {
      this.#move(this.#jump())
      this.#forget()
      await this.#schedules.wait(100, 10)
    },
    jumpAndBack: async () => {
      const by = this.#jump()
      this.#move(by)
      await this.#schedules.wait(20, 10)
      this.#move(-by)
      await this.#schedules.wait(20, 10)
    },
    backUp: () => this.#backUp(),
    restore: () => this.#restore(),
    redefine: async () => {
      const name = this.#pick(names)
      const { schedule, ...others } = definition(name)
      const other = { ...others, schedule: { ...schedule, cron: '*/7 * * * *' } }
      await this.#schedules.put(this.#job(name), other)
      await this.#schedules.wait(20, 10)
      await this.#schedules.put(this.#job(name), definition(name))
      await this.#standsSinceNow(name)
    },
    end: () => endOne(this.#schedules.rig, this.#job()),
  }

  #jump(): number {
    return this.#pick([1, -1, 24, -24]) * hour * 1000
  }

  #move(by: number): void {
    this.#schedules.rig.clock.wall += by
  }

  async #put(name: Name): Promise<void> {
    const before = await this.#schedules.schedule(this.#job(name))
    await this.#schedules.put(this.#job(name), definition(name))
    if (before === undefined) await this.#standsSinceNow(name)
  }

  async #standsSinceNow(name: Name): Promise<void> {
    this.#since.set(name, (await this.#schedules.schedule(this.#job(name)))!.after)
  }

  async #backUp(): Promise<void> {
    await this.#backups.take()
    this.#sinceInBackup = new Map(this.#since)
  }

  /** A new server on the latest backup, whose store knows nothing of what has happened since. */
  async #restore(): Promise<void> {
    const fired = await this.#allFired()
    const { rig } = this.#schedules
    await rig[Symbol.asyncDispose]()
    await this.#backups.restore()
    rig.pass(this.#seconds(hour))
    this.#schedules = await ScheduleRig.start(await this.#open(rig.clock))
    this.#since = new Map(this.#sinceInBackup)
    const known = await this.#allFired()
    for (const name of names)
      for (const at of fired.get(name)!) if (!known.get(name)!.has(at)) this.#gone.get(name)!.add(at)
    this.#forget()
  }

  /** A clock that was ahead has fired times that come again, if no store is left that knows of it. */
  #forget(): void {
    const { wall } = this.#schedules.rig.clock
    for (const times of this.#gone.values()) for (const at of times) if (at > wall) times.delete(at)
  }

  async #allFired(): Promise<Map<Name, Set<number>>> {
    const all = new Map<Name, Set<number>>()
    for (const name of names) {
      const fired = await this.#schedules.fired(this.#job(name))
      all.set(name, new Set(fired.map(({ scheduled_for }) => scheduled_for!)))
    }
    return all
  }

  /** The problem with the times of a job. */
  async problemOf(name: Name): Promise<string | undefined> {
    const fired = (await this.#allFired()).get(name)!
    const twice = [...this.#gone.get(name)!].find(at => fired.has(at))
    if (twice !== undefined) return `${new Date(twice).toISOString()} was fired before a restore and after it`
    return problemOf(this.#schedules, this.#job(name), this.#since.get(name)!)
  }

  /** Removes the jobs, and gives the server as it is then. */
  async end(): Promise<ScheduleRig> {
    for (const name of names)
      await this.#schedules.rig.write(async tx => {
        await tx.deleteJob(job(this.#job(name)))
        await tx.deleteSchedule(this.#job(name))
      })
    return this.#schedules
  }
}

/** A job that has a time each minute. */
const definition = (name: Name) => ({
  schedule: {
    cron: '* * * * *',
    catch_up: policies.find(policy => policy === name) ?? 'last',
    catch_up_window_seconds: null,
  },
  ...(name === 'forbid' || name === 'queue' ? { concurrency: name } : {}),
})

/** The problem with the times of a job that has one each minute. */
async function problemOf(schedules: ScheduleRig, name: string, since: number): Promise<string | undefined> {
  const row = (await schedules.schedule(name))!
  const seen = new Map<number, string>()
  const note = (at: number, what: string): string | undefined => {
    const before = seen.get(at)
    seen.set(at, what)
    return before
  }
  for (const { scheduled_for } of await schedules.fired(name))
    if (note(scheduled_for!, 'fired') !== undefined) return `${scheduled_for} was fired twice`
  for (const { reason, from, to, count } of await schedules.missedRows(name)) {
    let counted = 0
    for (let at = from; at <= to; at += minute) {
      counted++
      const before = note(at, reason)
      if (before !== undefined)
        return `${new Date(at).toISOString()} was ${before}, and is on record as ${reason}`
    }
    if (counted !== count) return `${counted} times are on record as ${count}`
  }
  for (let at = Math.ceil((since + 1) / minute) * minute; at <= row.after; at += minute)
    if (!seen.has(at)) return `${new Date(at).toISOString()} is lost`
  return undefined
}

/** Ends a run of a job, so that others may begin. */
async function endOne(rig: ServerRig, name: string): Promise<void> {
  const [active] = await rig.read(tx =>
    tx.listExecutions({ job_name: name, states: ['queued'] }, { limit: 1 }),
  )
  if (active !== undefined) await rig.abort(active.id)
}
