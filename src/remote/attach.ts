/*
 * The attached runner: joins identity, session, engine, work and the loops between them, and ends as it is asked to.
 */
import { rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutorConfiguration } from '../config/executor-section.ts'
import type { RemoteConfiguration } from '../config/remote-section.ts'
import type { Edges } from '../edges.ts'
import type { Registration, Settings } from '../protocol/messages.ts'
import type { TransportOptions } from '../protocol/transport.ts'
import type { Result } from '../result.ts'
import { aborted, Bell, pause } from './bell.ts'
import { commandsLoop } from './commands-loop.ts'
import type { EmitAttach } from './events.ts'
import { ExecutorHost } from './executor-host.ts'
import { labels } from './executors/docker.ts'
import { type HealthFacts, type Metric, serveHealth } from './health.ts'
import { HeartbeatLoop } from './heartbeat-loop.ts'
import { forgetWork, type Identity, rememberEngine } from './identity.ts'
import { metricsOf } from './metrics.ts'
import { findInSpool, recoverBegun, recoverEnded } from './recovery.ts'
import { Registrar } from './registrar.ts'
import { reserveLoop } from './reserve-loop.ts'
import type { Room } from './room.ts'
import { type ApiFailure, ServerApi } from './server-api.ts'
import { isOver, Session } from './session.ts'
import { Spool } from './spool.ts'
import { Work } from './work.ts'

export interface AttachOptions {
  identity: Identity
  server: URL
  transport: TransportOptions
  readTransport(): Result<TransportOptions, string>
  registrationToken(): Result<string, string>
  remote: RemoteConfiguration
  executor: ExecutorConfiguration
  /** Bytes of free disk below which no work is taken. */
  minFree: number
  version: string
  env: NodeJS.ProcessEnv
  edges: Edges
  emit: EmitAttach
  /** Ends it: no new work, and with `drain` a wait for what runs. The reason is a StopKind. */
  stop: AbortSignal
  /** Ends what runs, with its grace. */
  hurry: AbortSignal
}

/** What a stop does with running jobs. */
export type StopKind = 'drain' | 'detach'

/** How it came to its end. */
export type AttachEnd = 'stopped' | 'detached' | 'deleted' | 'superseded'

/**
 * Seconds: that detached jobs have for the next start; that what is still to be said gets at the end; beyond its grace for
 * a job that is aborted; for an engine, where only containers are to be removed.
 */
const times = { detached: 3600, farewell: 10, afterAbort: 30, removal: 60 }
/** Seconds of difference from the server's clock that are told. */
const clockTolerance = 30

/** Runs until it is asked to stop, deleted or superseded. Rejects for bugs only. */
export async function attach(options: AttachOptions): Promise<AttachEnd> {
  const runner = new AttachedRunner(options)
  try {
    return await runner.run()
  } finally {
    await runner.close()
  }
}

class AttachedRunner {
  readonly #options: AttachOptions
  readonly #session: Session
  readonly #over = new AbortController()
  readonly #room: Room
  readonly #work: Work
  readonly #heartbeats: HeartbeatLoop
  readonly #registrar: Registrar
  readonly #spool: Spool
  readonly #loops = new Set<Promise<void>>()
  readonly #counts = new Map<string, number>()
  #settings: Settings | undefined
  #clockDifference = 0
  #clockToldAt = Number.NEGATIVE_INFINITY

  constructor(options: AttachOptions) {
    this.#options = options
    const { edges, identity, remote, executor, env, server, transport, readTransport, version } = options
    const emit: EmitAttach = event => {
      if (event.event === 'job:ended')
        this.#counts.set(event.outcome, (this.#counts.get(event.outcome) ?? 0) + 1)
      options.emit(event)
    }
    const changed = new Bell()
    this.#session = new Session(changed, (from, to, because) =>
      emit({
        event: 'life:changed',
        from: from.state,
        to: to.state,
        ...(because === undefined ? {} : { because }),
      }),
    )
    const over = this.#over.signal
    over.addEventListener('abort', () => changed.ring(), { once: true })
    const onDate = (date: Date) => this.#compareClocks(date)
    const back = new Bell()
    const onBack = () => back.ring()
    const api = new ServerApi({ server, transport, readTransport, clock: edges.clock, env, onDate, onBack })
    const host = new ExecutorHost({
      ...{ settings: executor, stateDir: remote.state_dir, workDir: remote.work_dir },
      ...{ runnerId: identity.uuid, env, edges, emit, over, changed },
    })
    this.#room = {
      ...{ edges, api, host, emit, over },
      settings: () => this.#settings,
      mend: failure => this.#mend(failure),
      back,
      changed,
      images: new Map(),
      diskLimit: executor.disk_limit,
    }
    this.#spool = new Spool(join(remote.state_dir, 'spool'))
    const { runner_group } = remote
    this.#work = new Work(this.#room, this.#spool, {
      runner_group,
      release_url: server.href.replace(/\/$/, ''),
    })
    this.#heartbeats = new HeartbeatLoop(this.#room, this.#session, this.#work)
    const message: Registration = {
      ...{ uuid: identity.uuid, name: remote.name, version, public_key: identity.public_key, runner_group },
      ...{ capabilities: remote.capabilities, taints: remote.taints, metadata: remote.metadata },
    }
    this.#registrar = new Registrar({
      ...{ api, message, privateKey: identity.private_key, stateDir: remote.state_dir, edges, emit, over },
      registrationToken: options.registrationToken,
    })
  }

  async run(): Promise<AttachEnd> {
    const { remote, emit, stop } = this.#options
    const health = await serveHealth(remote.health_listen, () => this.#facts())
    await using _health = health.ok ? health.value : undefined
    if (!health.ok) {
      const { host, port } = remote.health_listen
      emit({
        event: 'notice',
        message: `/live, /ready and /metrics are not answered: ${host}:${port}: ${health.failure}`,
      })
    } else emit({ event: 'notice', message: `/live, /ready and /metrics are at ${health.value.url}` })

    const found = await findInSpool(this.#spool, this.#room)
    this.#work.waiting = [...found.begun, ...found.waiting].map(({ id }) => id)
    await recoverEnded(found, this.#work)
    this.#run(this.#prepareEngine(found))
    this.#session.take({ step: 'begin' })
    this.#run(this.#serve())
    this.#run(this.#passOnSettings())
    await Promise.race([aborted(stop), aborted(this.#session.over)])
    if (!isOver(this.#session.life)) await this.#end()
    return this.#farewell()
  }

  /** Keeps an eye on what runs beside. A bug in one of them is the end of all. */
  #run(loop: Promise<void>): void {
    this.#loops.add(loop)
    void loop.finally(() => this.#loops.delete(loop))
  }

  async #prepareEngine(found: Awaited<ReturnType<typeof findInSpool>>): Promise<void> {
    const { host, emit } = this.#room
    const workshop = await host.open()
    // A deleted runner has only to remove what it finds.
    if (workshop === undefined || isOver(this.#session.life)) return
    workshop.pool.onChange = () => this.#room.changed.ring()
    this.#applySettings()
    const { identity, remote } = this.#options
    if (identity.engine_id !== undefined && identity.engine_id !== workshop.facts.id)
      emit({
        event: 'notice',
        message: 'this is another engine than the last time; its containers are not here',
      })
    try {
      rememberEngine(remote.state_dir, workshop.facts.id)
    } catch {
      // It is told again at the next start, that is all.
    }
    await recoverBegun(found, workshop, this.#work, this.#room)
    this.#work.waiting = []
    await host.watch(workshop.facts)
  }

  /** Registers, then keeps channel, heartbeats and the wait for work going. */
  async #serve(): Promise<void> {
    const signed = await this.#registrar.signIn(undefined)
    if (!signed.ok) return this.#refused(signed.failure)
    this.#takeSettings(signed.value)
    const { remote, minFree } = this.#options
    const shared = { room: this.#room, session: this.#session, work: this.#work }
    const onOpen = () => {
      this.#room.back.ring()
      this.#heartbeats.now()
    }
    await Promise.all([
      commandsLoop({ ...shared, onOpen }),
      this.#heartbeats.run(),
      reserveLoop({ ...shared, floor: { paths: [remote.state_dir, remote.work_dir], least: minFree } }),
    ])
  }

  #refused(failure: 'deleted' | 'superseded' | 'over'): void {
    if (failure === 'deleted') this.#session.take({ step: 'delete' }, 'an operator has deleted this runner')
    if (failure === 'superseded')
      this.#session.take({ step: 'supersede' }, 'another process has taken over the session of this runner')
  }

  async #mend(failure: ApiFailure): Promise<boolean> {
    const { meaning, session } = failure
    if (meaning === 'superseded' || meaning === 'deleted') {
      this.#refused(meaning)
      await aborted(this.#room.over)
      return false
    }
    if (meaning !== 'sign-in' && meaning !== 'new-key') return false
    if (meaning === 'sign-in' && this.#room.api.signed?.session === session)
      this.#session.take({ step: 'token-lost' }, failure.message)
    const signed = await this.#registrar.signIn(session)
    if (!signed.ok) {
      this.#refused(signed.failure)
      await aborted(this.#room.over)
      return false
    }
    this.#takeSettings(signed.value)
    this.#room.back.ring()
    this.#heartbeats.now()
    return true
  }

  /** The server's word on what it is to be, as it comes. */
  async #passOnSettings(): Promise<void> {
    const { over } = this.#room
    while (!over.aborted) {
      this.#takeSettings(this.#session.word?.settings)
      await this.#room.changed.rung
    }
  }

  #takeSettings(settings: Settings | undefined): void {
    if (settings === undefined || settings === this.#settings) return
    this.#settings = settings
    this.#applySettings()
    this.#room.changed.ring()
  }

  #applySettings(): void {
    const pool = this.#room.host.workshop?.pool
    if (pool === undefined || this.#settings === undefined) return
    const { capacity, eviction_time_seconds } = this.#settings
    const { max_jobs_per_executor } = this.#options.executor
    pool.settings = { capacity, eviction_time_seconds, max_jobs_per_executor }
  }

  /** Ends as it was asked to: waits for what runs, or lets it run on. */
  async #end(): Promise<void> {
    const { stop, remote } = this.#options
    this.#session.take({ step: 'drain' }, 'it was asked to stop')
    this.#heartbeats.now()
    if ((stop.reason as StopKind) === 'detach') {
      for (const assignment of this.#work.assignments) assignment.detach()
      await this.#leave('detached', this.#work.open === 0 ? 0 : times.detached)
      return this.#session.take({ step: 'stop' })
    }
    const executions = this.#work.open
    if (executions > 0) this.#room.emit({ event: 'runner:draining', executions, seconds: remote.drain_time })
    if (!(await this.#drained(remote.drain_time))) {
      this.#work.abort(this.#work.assignments.map(({ id }) => id))
      const graces = this.#work.assignments.map(({ execution }) => execution.job.abort_timeout_seconds)
      await this.#drained(Math.max(0, ...graces) + times.afterAbort, false)
    }
    if (!isOver(this.#session.life)) await this.#leave('stopped', this.#work.open === 0 ? 0 : times.detached)
    this.#session.take({ step: 'stop' })
  }

  /** Waits for the end of all jobs, and for a while until their results are told; false: that took too long. */
  async #drained(seconds: number, patient = true): Promise<boolean> {
    const { edges, hurry } = this.#options
    const late = new AbortController()
    const stop = () => {
      late.abort()
      this.#room.changed.ring()
    }
    if (patient) hurry.addEventListener('abort', stop, { once: true })
    if (patient && hurry.aborted) stop()
    void edges.clock.sleep(seconds, late.signal).then(stop)
    const running = () => this.#work.assignments.some(one => one.takesSlot)
    while (running() && !late.signal.aborted && !isOver(this.#session.life)) await this.#room.changed.rung
    const done = !running()
    if (done) {
      // What cannot be told now is told by the next start.
      const enough = new AbortController()
      const told = this.#work.idle().then(() => enough.abort())
      await Promise.race([edges.clock.sleep(times.farewell, enough.signal), told])
      enough.abort()
    }
    hurry.removeEventListener('abort', stop)
    late.abort()
    return done
  }

  async #leave(reason: 'stopped' | 'detached', back: number): Promise<void> {
    const { api, edges } = this.#room
    if (api.signed === undefined) return
    const late = new AbortController()
    const over = new AbortController()
    void edges.clock.sleep(times.farewell, over.signal).then(() => late.abort())
    // A word after good-bye would be a return.
    await Promise.race([this.#heartbeats.silence(), aborted(late.signal)])
    for (let left = 5; left > 0 && !late.signal.aborted; left--) {
      const said = await api.leave(reason, back, late.signal)
      if (said.ok || said.failure.meaning !== 'again') break
      await pause(edges.clock, 1, this.#room.back, late.signal)
    }
    over.abort()
  }

  async #farewell(): Promise<AttachEnd> {
    const { state } = this.#session.life
    if (state === 'deleted') {
      await this.#removeAll()
      return 'deleted'
    }
    if (state === 'superseded') return 'superseded'
    return (this.#options.stop.reason as StopKind) === 'detach' ? 'detached' : 'stopped'
  }

  /** Ends all jobs at once, and removes containers, spool and session; who it is stays, so that it can be allowed again. */
  async #removeAll(): Promise<void> {
    const { remote, identity } = this.#options
    await Promise.all(this.#work.assignments.map(assignment => assignment.kill()))
    const left = await this.#removeExecutors()
    this.#over.abort()
    await forgetWork(remote.state_dir)
    try {
      // What else is in it is not ours.
      rmdirSync(remote.work_dir)
    } catch {
      // Another runner's, or a person's.
    }
    this.#room.emit({
      event: 'notice',
      message:
        left === undefined
          ? `all that belonged to runner ${identity.uuid} has been removed`
          : `not all that belonged to runner ${identity.uuid} has been removed: ${left}; start it once more to have its containers removed, or remove those with the label ${labels.runner}=${identity.uuid}`,
    })
  }

  /** Removes all containers, those of earlier processes too; resolves to what was in the way after a minute. */
  async #removeExecutors(): Promise<string | undefined> {
    const { host, edges, changed } = this.#room
    const end = edges.clock.monotonic() + times.removal
    for (;;) {
      const { workshop } = host
      let problem = host.problem ?? 'the engine has not been looked at yet'
      if (workshop !== undefined) {
        const all = await workshop.executors.adopt()
        const removed = all.ok ? await Promise.all(all.value.map(executor => executor.remove())) : [all]
        const failed = removed.find(one => !one.ok)
        if (failed === undefined || failed.ok) return undefined
        problem = failed.failure.message
      }
      if (edges.clock.monotonic() >= end) return problem
      await pause(edges.clock, 1, changed, this.#room.over)
    }
  }

  #compareClocks(date: Date): void {
    const { edges } = this.#options
    const difference = (edges.clock.now().getTime() - date.getTime()) / 1000
    this.#clockDifference = difference
    const now = edges.clock.monotonic()
    if (Math.abs(difference) <= clockTolerance || now < this.#clockToldAt + 60) return
    this.#clockToldAt = now
    this.#room.emit({ event: 'clock:wrong', difference_seconds: Math.round(difference) })
  }

  #facts(): HealthFacts {
    return {
      state: this.#session.life.state,
      problem: this.#room.host.problem,
      metrics: () => this.#metrics(),
    }
  }

  #metrics(): Metric[] {
    return metricsOf({
      state: this.#session.life.state,
      problem: this.#room.host.problem,
      capacity: this.#settings?.capacity ?? 0,
      freeSlots: this.#work.freeSlots,
      phases: this.#work.assignments.map(one => one.phase),
      seats: (this.#room.host.workshop?.pool.seats ?? []).map(seat => seat.state),
      ended: this.#counts,
      clockDifference: this.#clockDifference,
      lastHeartbeat: this.#heartbeats.lastAnswer,
    })
  }

  /** Ends the loops; jobs run on, idle executors go. */
  async close(): Promise<void> {
    for (const assignment of this.#work.assignments) assignment.detach()
    this.#over.abort()
    const { host, api, edges } = this.#room
    const late = new AbortController()
    const closed = Promise.allSettled([
      host.workshop?.pool[Symbol.asyncDispose](),
      ...this.#work.assignments.map(one => one.over),
      ...this.#loops,
    ])
    await Promise.race([closed, edges.clock.sleep(times.farewell, late.signal)])
    late.abort()
    await api[Symbol.asyncDispose]()
  }
}
