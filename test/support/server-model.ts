/*
 * A model of the server, as simple as possible: one object, changed in place, that says how the server should
 * react to each event. It knows nothing of stores and rows. Times are milliseconds.
 */
import type { ExecutionState } from '../../src/protocol/states.ts'
import type { ModelExecution, ModelGroup, ModelRunner } from './server-model-rows.ts'

export const lease = 60_000
const confirmWithin = 30_000
export const lateResult = 300_000
/** Runs that wait of a job whose concurrency is queue. */
export const queueLimit = 2

const held = ['reserved', 'running', 'aborting']

export class Model {
  now = 1_000_000
  monotonic = 0
  tick: number | null = null
  last: { now: number; monotonic: number } | null = null
  /** The watched time at the latest sweep, or at the start. */
  seen = 0
  runners: ModelRunner[] = []
  /** In the order in which they were made. */
  executions: ModelExecution[] = []
  groups = new Map<string, ModelGroup>()

  /** Time that sweeps have watched: deadlines go by it. */
  get watched(): number {
    if (this.last === null) return this.seen
    return this.seen + Math.min(this.monotonic - this.last.monotonic, 15_000)
  }

  runner(id: string): ModelRunner {
    return this.runners.find(runner => runner.id === id)!
  }

  heldBy(id: string): ModelExecution[] {
    return this.executions.filter(one => one.runner === id && held.includes(one.state))
  }

  isActive(job: string): boolean {
    return this.executions.some(one => one.job === job && !one.ended)
  }

  // ── runs that wait for others ─────────────────────────────────────────────────────────────────────────────────

  /** The attempts of a job that have not ended and do not wait for a turn. */
  activeOf(job: string): ModelExecution[] {
    return this.executions.filter(one => one.job === job && !one.ended && one.waits !== 'turn')
  }

  waitingOf(job: string): ModelExecution[] {
    return this.executions.filter(one => one.job === job && !one.ended && one.waits === 'turn')
  }

  /** Whether a new run may be made. */
  admits(job: string | null, concurrency: ModelExecution['concurrency']): boolean {
    if (job === null || concurrency === 'allow' || concurrency === 'replace') return true
    if (concurrency === 'forbid') return !this.isActive(job)
    return this.activeOf(job).length === 0 || this.waitingOf(job).length < queueLimit
  }

  /** Ends all of a job for a new run. */
  replace(job: string): void {
    const others = this.executions.filter(one => one.job === job && !one.ended)
    const unbegun = others.filter(
      one => one.state === 'queued' && (one.attempt > 1 || one.waits === 'turn' || one.waits === 'key'),
    )
    for (const one of unbegun) this.end(one, 'withdrawn')
    for (const one of others) this.abort(one)
  }

  /** Time has come for those that wait for it. */
  release(): void {
    for (const one of this.executions)
      if (one.waits === 'time' && one.notBefore <= this.watched) one.waits = null
  }

  // ── runners ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether it could take work, if it led its group; by a time that may be before now. */
  mayWork(runner: ModelRunner, now = this.watched): boolean {
    const polls = !runner.free || runner.pollUntil > now
    const connected = runner.seenUntil > now && polls
    const well = runner.unhealthyUntil <= now && runner.state === 'ready'
    return !runner.deleted && runner.enabled && !runner.tainted && connected && well
  }

  mayTakeWork(runner: ModelRunner): boolean {
    const group = this.groups.get(runner.group)!
    return this.mayWork(runner) && (group.mode === 'all' || group.leader === runner.id)
  }

  suits(runner: ModelRunner, execution: ModelExecution): boolean {
    const has = execution.capabilities.every(name => runner.capabilities.includes(name))
    return execution.runnerGroup === runner.group && has
  }

  /** The runner that should lead. */
  elect(name: string): string | null {
    const group = this.groups.get(name)!
    if (group.mode === 'all') return null
    const able = this.runners.filter(runner => runner.group === name && this.mayWork(runner))
    const ids = able.map(runner => runner.id)
    for (const id of [group.pinned, group.leader]) if (id !== null && ids.includes(id)) return id
    return able.sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1))[0]?.id ?? null
  }

  /** A call of a session; whether it is heard. */
  call(runner: ModelRunner, session: number): boolean {
    if (runner.deleted) return false
    if (session === runner.pending) {
      runner.session = session
      runner.pending = null
      Object.assign(runner, { seenUntil: this.watched + lease, pollUntil: 0, free: null, state: 'ready' })
      return true
    }
    if (session !== runner.session) return false
    if (this.watched + lease - runner.seenUntil > lease / 6) runner.seenUntil = this.watched + lease
    return true
  }

  /** It asks for work. */
  asks(runner: ModelRunner): void {
    if (this.watched + lease - runner.pollUntil > lease / 6) runner.pollUntil = this.watched + lease
  }

  // ── executions ────────────────────────────────────────────────────────────────────────────────────────────────

  add(execution: Partial<ModelExecution> & Pick<ModelExecution, 'group'>): ModelExecution {
    const { wait = null, notBefore = this.watched } = execution
    const queueUntil = wait === null ? null : notBefore + wait
    const one: ModelExecution = {
      attempt: 1,
      created: this.watched,
      runnerGroup: 'default',
      capabilities: [],
      priority: 0,
      job: null,
      concurrency: 'allow',
      key: null,
      limit: 1,
      script: false,
      retries: 0,
      delay: 0,
      state: 'queued',
      waits: null,
      notBefore,
      beside: false,
      ended: false,
      deadline: queueUntil,
      wait,
      queueUntil,
      runner: null,
      session: null,
      lease: null,
      unconfirmed: 0,
      next: null,
      previous: null,
      result: null,
      confirms: 0,
      losses: 0,
      ...execution,
    }
    this.executions.push(one)
    return one
  }

  reserve(one: ModelExecution, runner: ModelRunner, leaseId: string): void {
    if (one.previous) this.end(one.previous, 'lost')
    Object.assign(one, { runner: runner.id, session: runner.session, lease: leaseId })
    Object.assign(one, { state: 'reserved', deadline: this.watched + confirmWithin, previous: null })
  }

  /** Whether a runner that names this lease holds it. */
  holds(one: ModelExecution, runner: ModelRunner, leaseId: string | null): boolean {
    return one.runner === runner.id && (one.lease === leaseId || one.lease === '')
  }

  /** Whether a runner that cannot be asked for its lease may keep what is queued. */
  mayAdopt(one: ModelExecution, runner: ModelRunner): boolean {
    const fits = this.suits(runner, one) && this.heldBy(runner.id).length < runner.capacity
    return !one.script && runner.enabled && !runner.tainted && runner.state === 'ready' && fits
  }

  /** A runner has what is queued. */
  adopt(one: ModelExecution, runner: ModelRunner): void {
    this.reserve(one, runner, '')
    Object.assign(one, { state: 'running', deadline: this.watched + lease, confirms: one.confirms + 1 })
    Object.assign(one, { beside: one.waits !== null || one.beside, waits: null })
  }

  giveBack(one: ModelExecution): void {
    if (one.queueUntil !== null && one.queueUntil <= this.watched) {
      this.end(one, 'failed')
      return
    }
    Object.assign(one, {
      runner: null,
      session: null,
      lease: null,
      state: 'queued',
      deadline: one.queueUntil,
    })
  }

  missed(one: ModelExecution): void {
    const runner = this.runner(one.runner!)
    const theirs = runner.session === one.session
    one.unconfirmed++
    if (one.script || one.unconfirmed >= 10) this.end(one, 'failed')
    else this.giveBack(one)
    if (!theirs) return
    runner.misses++
    if (runner.misses >= 3)
      runner.unhealthyUntil = this.watched + Math.min(15, 2 ** (runner.misses - 3)) * 2 * confirmWithin
  }

  confirm(one: ModelExecution, runner: ModelRunner, leaseId: string | null): boolean {
    if (!this.holds(one, runner, leaseId) || one.ended) return false
    if (one.state === 'lost') this.comeBack(one)
    if (one.state === 'reserved') {
      one.state = 'running'
      one.confirms++
    }
    one.deadline = this.watched + lease
    Object.assign(runner, { misses: 0, unhealthyUntil: 0 })
    return true
  }

  comeBack(one: ModelExecution): void {
    if (one.next) this.end(one.next, 'withdrawn')
    Object.assign(one, { state: 'running', next: null, deadline: this.watched + lease })
  }

  retry(one: ModelExecution, delay = 0): ModelExecution | null {
    if (one.retries === 0 || one.script) return null
    const attempt = Math.max(...this.executions.filter(o => o.group === one.group).map(o => o.attempt)) + 1
    const { group, runnerGroup, capabilities, priority, job, wait, concurrency, key, limit, beside } = one
    const same = { group, runnerGroup, capabilities, priority, job, wait, concurrency, key, limit, beside }
    const time = {
      delay: one.delay,
      notBefore: this.watched + delay,
      waits: delay > 0 ? 'time' : null,
    } as const
    return this.add({ ...same, ...time, attempt, retries: one.retries - 1 })
  }

  /** The notices that must be sent: one of each loss, and one of each run that has ended. */
  told(): string[] {
    const runs = Map.groupBy(
      this.executions.filter(({ script }) => !script),
      ({ group }) => group,
    )
    return [...runs].flatMap(([group, attempts]) => {
      const made = attempts.filter(({ state }) => state !== 'withdrawn')
      const losses = made.reduce((sum, { losses }) => sum + losses, 0)
      const told = Array<string>(losses).fill(`${group} lost`)
      const last = made.at(-1)
      if (last === undefined || !attempts.every(({ ended }) => ended)) return told
      if (made.some(({ state }) => state === 'succeeded')) return [...told, `${group} success`]
      return [...told, `${group} ${last.state === 'aborted' ? 'aborted' : 'failure'}`]
    })
  }

  lose(one: ModelExecution): void {
    one.losses++
    Object.assign(one, { state: 'lost', deadline: this.watched + lateResult })
    one.next = this.retry(one)
    if (one.next) one.next.previous = one
  }

  /** Ends it, and what stands beside it no longer does. */
  end(one: ModelExecution, state: ExecutionState): void {
    if (one.next) one.next.previous = null
    if (one.previous) one.previous.next = null
    Object.assign(one, { state, ended: true, deadline: null, next: null, previous: null, waits: null })
  }

  finish(
    one: ModelExecution,
    runner: ModelRunner,
    leaseId: string | null,
    outcome: 'succeeded' | 'failed' | 'aborted',
  ): boolean {
    const result = `${leaseId} ${outcome}`
    if (one.runner !== runner.id) return false
    if (one.result !== null) return one.result === result
    if (one.ended || !this.holds(one, runner, leaseId)) return false
    if (one.state === 'lost' && one.next) this.end(one.next, 'withdrawn')
    const aborted = one.state === 'aborting' && outcome !== 'succeeded'
    one.result = result
    this.end(one, aborted ? 'aborted' : outcome)
    if (one.state === 'failed') this.retry(one, one.delay)
    return true
  }

  abort(one: ModelExecution): boolean {
    if (one.ended) return false
    if (one.state === 'running' || one.state === 'aborting') {
      one.state = 'aborting'
      return true
    }
    if (one.state === 'lost' && one.next) this.end(one.next, 'withdrawn')
    this.end(one, 'aborted')
    return true
  }

  deleteRunner(runner: ModelRunner): void {
    if (runner.deleted) return
    for (const one of this.executions.filter(one => one.runner === runner.id && !one.ended))
      this.end(one, one.next ? 'lost' : 'aborted')
    Object.assign(runner, { deleted: true, seenUntil: 0, pollUntil: 0, pending: null })
  }

  // ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────

  sweep(): void {
    const { now, monotonic, tick, last } = this
    const before = this.seen
    const passed = last === null ? 0 : monotonic - last.monotonic
    const late = last === null ? tick !== null && now - tick > 15_000 : passed > 15_000
    const jump = last === null ? Math.min(0, now - (tick ?? now)) : now - last.now - passed
    if (!late) this.seen += passed
    this.tick = now
    this.last = { now, monotonic }
    if (late || Math.abs(jump) > 5000) this.postpone(before)
    const due = this.executions.filter(one => one.deadline !== null && one.deadline <= this.watched)
    for (const one of due.sort((a, b) => a.deadline! - b.deadline!)) {
      if (one.state === 'queued') this.end(one, 'failed')
      else if (one.state === 'reserved') this.missed(one)
      else if (one.state === 'running') this.lose(one)
      else this.end(one, one.state === 'aborting' ? 'aborted' : 'lost')
    }
  }

  postpone(since: number): void {
    const later = (time: number) => Math.max(time, this.seen) + lease
    for (const one of this.executions) if (one.deadline !== null) one.deadline = later(one.deadline)
    for (const runner of this.runners) {
      if (runner.seenUntil >= since) runner.seenUntil = later(runner.seenUntil)
      if (runner.pollUntil >= since) runner.pollUntil = later(runner.pollUntil)
    }
  }
}
