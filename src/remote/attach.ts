/*
 * The attached runner: joins identity, session, engine, work and the loops between them, and ends as it is asked to.
 */
import { join } from 'node:path'
import type { ExecutorConfiguration } from '../config/executor-section.ts'
import type { RemoteConfiguration } from '../config/remote-section.ts'
import type { Edges } from '../edges.ts'
import type { ClockSample } from '../protocol/clock-sample.ts'
import type { Registration, Settings } from '../protocol/messages.ts'
import type { TransportOptions } from '../protocol/transport.ts'
import type { Result } from '../result.ts'
import { aborted, Bell } from './bell.ts'
import { ClockDifference } from './clock-difference.ts'
import { commandsLoop } from './commands-loop.ts'
import { DiskFloor } from './disk-floor.ts'
import { endAsAsked, farewellTime, type StopKind } from './ending.ts'
import type { EmitAttach } from './events.ts'
import { ExecutorHost } from './executor-host.ts'
import { type HealthFacts, type Metric, serveHealth } from './health.ts'
import { HeartbeatLoop } from './heartbeat-loop.ts'
import { type Identity, rememberEngine } from './identity.ts'
import { metricsOf } from './metrics.ts'
import { findInSpool, recoverBegun, recoverEnded } from './recovery.ts'
import { Registrar, Reminder } from './registrar.ts'
import { removeAll } from './removal.ts'
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

/** How it came to its end. */
export type AttachEnd = 'stopped' | 'detached' | 'deleted' | 'superseded'

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
  readonly #clocks = new ClockDifference()
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
    const onClock = (sample: ClockSample) => this.#compareClocks(sample)
    const clockReport = () => this.#clocks.best
    const reminder = new Reminder(edges)
    const onRefused = (message: string) => {
      if (reminder.isDue(message)) emit({ event: 'notice', message })
    }
    const back = new Bell()
    const onBack = () => back.ring()
    const api = new ServerApi({
      ...{ server, transport, readTransport, clock: edges.clock, env },
      ...{ onClock, clockReport, onRefused, onBack },
    })
    const host = new ExecutorHost({
      ...{ settings: executor, stateDir: remote.state_dir, workDir: remote.work_dir },
      ...{ runnerId: identity.uuid, env, edges, emit, over, changed },
    })
    const paths = () => [remote.state_dir, remote.work_dir, host.workshop?.facts.root ?? remote.work_dir]
    const disk = new DiskFloor(paths, options.minFree, emit)
    this.#room = {
      ...{ edges, api, host, disk, emit, over },
      settings: () => this.#settings,
      clockOffset: () => this.#clocks.best?.offset,
      mend: failure => this.#mend(failure),
      back,
      changed,
      images: new Map(),
      ...{ diskLimit: executor.disk_limit, logLimit: executor.log_limit },
    }
    this.#spool = new Spool(join(remote.state_dir, 'spool'))
    const { runner_group } = remote
    this.#work = new Work(this.#room, this.#spool, {
      runner_group,
      release_url: server.href.replace(/\/$/, ''),
      reuse: executor.reuse,
    })
    this.#heartbeats = new HeartbeatLoop(this.#room, this.#session, this.#work, remote.on_lost)
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
    if (!isOver(this.#session.life)) {
      const party = {
        room: this.#room,
        session: this.#session,
        work: this.#work,
        heartbeats: this.#heartbeats,
      }
      await endAsAsked(party, stop.reason as StopKind, remote.drain_time, this.#options.hurry)
    }
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
    workshop.pool.onLeft = message => emit({ event: 'notice', message })
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
    const shared = { room: this.#room, session: this.#session, work: this.#work }
    const onOpen = () => {
      this.#room.back.ring()
      this.#heartbeats.now()
    }
    await Promise.all([commandsLoop({ ...shared, onOpen }), this.#heartbeats.run(), reserveLoop(shared)])
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

  async #farewell(): Promise<AttachEnd> {
    const { state } = this.#session.life
    if (state === 'deleted') {
      const { identity, remote } = this.#options
      const belongings = { uuid: identity.uuid, state_dir: remote.state_dir, work_dir: remote.work_dir }
      await removeAll(this.#room, this.#work, belongings, () => this.#over.abort())
      return 'deleted'
    }
    if (state === 'superseded') return 'superseded'
    return (this.#options.stop.reason as StopKind) === 'detach' ? 'detached' : 'stopped'
  }

  /** Seconds of this clock less the server's, as far as that is known. */
  get #clockDifference(): number | undefined {
    const { best } = this.#clocks
    return best && best.offset / 1000
  }

  #compareClocks(sample: ClockSample): void {
    const now = this.#options.edges.clock.monotonic()
    this.#clocks.add(sample, now)
    const difference = this.#clockDifference ?? 0
    if (Math.abs(difference) <= clockTolerance || now < this.#clockToldAt + 60) return
    this.#clockToldAt = now
    this.#room.emit({ event: 'clock:wrong', difference_seconds: Math.round(difference) })
  }

  #facts(): HealthFacts {
    return {
      state: this.#session.life.state,
      problem: this.#room.host.problem ?? this.#room.disk.problem,
      metrics: () => this.#metrics(),
    }
  }

  #metrics(): Metric[] {
    return metricsOf({
      state: this.#session.life.state,
      problem: this.#room.host.problem ?? this.#room.disk.problem,
      capacity: this.#settings?.capacity ?? 0,
      freeSlots: this.#work.freeSlots,
      phases: this.#work.assignments.map(one => one.phase),
      seats: (this.#room.host.workshop?.pool.seats ?? []).map(seat => seat.state),
      ended: this.#counts,
      clockDifference: this.#clockDifference ?? 0,
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
    await Promise.race([closed, edges.clock.sleep(farewellTime, late.signal)])
    late.abort()
    // An engine that is away would keep this process from its end.
    host.workshop?.pool.giveUp()
    await api[Symbol.asyncDispose]()
  }
}
