/*
 * The attached runner: takes up what was left, keeps its loops going, and ends as it is asked to.
 */
import { aborted } from '../system/wait.ts'
import type { AttachOptions } from './attach-options.ts'
import { decommission } from './decommission.ts'
import { drain, type StopKind, shutdownGrace } from './drain.ts'
import { type HealthFacts, type Metric, serveHealth } from './health.ts'
import { rememberEngine } from './link/identity.ts'
import { isOver } from './link/lifecycle.ts'
import { commandsLoop } from './loops/commands.ts'
import { reserveLoop } from './loops/reserve.ts'
import { metricsOf } from './metrics.ts'
import { findInSpool, recoverBegun, recoverEnded, type SpoolFindings } from './recovery.ts'
import { makeServices, type RunnerServices } from './services.ts'

/** The way in which the runner came to its end. */
export type AttachEnd = 'stopped' | 'detached' | 'deleted' | 'superseded'

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
  readonly #services: RunnerServices
  readonly #over = new AbortController()
  readonly #loops = new Set<Promise<void>>()

  constructor(options: AttachOptions) {
    this.#options = options
    this.#services = makeServices(options, this.#over.signal)
  }

  async run(): Promise<AttachEnd> {
    const { remote, emit, stop, hurry } = this.#options
    const { context, lifecycle, session, assignments, spool } = this.#services
    const health = await serveHealth(remote.health_listen, () => this.#facts())
    await using _health = health.ok ? health.value : undefined
    if (!health.ok) {
      const { host, port } = remote.health_listen
      emit({
        event: 'notice',
        message:
          '/live, /ready and /metrics are not served: ' +
          `cannot listen on ${host}:${port}: ${health.failure}; set health_listen in [remote]`,
      })
    } else emit({ event: 'notice', message: `/live, /ready and /metrics are at ${health.value.url}` })

    const found = await findInSpool(spool, context)
    assignments.await([...found.begun, ...found.waiting].map(({ id }) => id))
    assignments.leaveAlone(found.newer)
    await recoverEnded(found, assignments, context)
    this.#run(this.#openBackend(found))
    lifecycle.take({ step: 'begin' })
    this.#run(this.#serve())
    this.#run(session.followDirectives())
    this.#run(session.keepValid())
    await Promise.race([aborted(stop), aborted(lifecycle.over)])
    if (!isOver(lifecycle.life))
      await drain(this.#services, stop.reason as StopKind, remote.drain_time, hurry)
    return this.#end()
  }

  /** Tracks a background loop so that `close()` can wait for it; an exception in one crashes the process. */
  #run(loop: Promise<void>): void {
    this.#loops.add(loop)
    void loop.finally(() => this.#loops.delete(loop))
  }

  async #openBackend(found: SpoolFindings): Promise<void> {
    const { context, lifecycle, assignments } = this.#services
    const { host, emit } = context
    const runtime = await host.open()
    // A deleted runner has only to remove what it finds.
    if (runtime === undefined || isOver(lifecycle.life)) return
    const { identity, remote } = this.#options
    if (identity.engine_id !== undefined && identity.engine_id !== runtime.facts.id)
      emit({
        event: 'notice',
        message:
          'the executor backend is not the one of the last start: ' +
          'jobs that still run there are not found here',
      })
    try {
      rememberEngine(remote.state_dir, runtime.facts.id)
    } catch {
      // Without the id on disk the next start repeats the notice, which does no harm.
    }
    await recoverBegun(found, runtime, assignments, context)
    assignments.await([])
    await host.watch()
  }

  /** Registers, then keeps channel, heartbeats and the wait for work going. */
  async #serve(): Promise<void> {
    const { context, session, heartbeats } = this.#services
    if (!(await session.begin())) return
    const onOpen = () => {
      context.back.notify()
      heartbeats.now()
    }
    await Promise.all([
      commandsLoop({ ...this.#services, onOpen }),
      heartbeats.run(),
      reserveLoop(this.#services),
    ])
  }

  async #end(): Promise<AttachEnd> {
    const { identity, remote, stop } = this.#options
    const { context, lifecycle, assignments } = this.#services
    const { state } = lifecycle.life
    if (state === 'deleted') {
      const files = { uuid: identity.uuid, state_dir: remote.state_dir, work_dir: remote.work_dir }
      await decommission(context, assignments, files, () => this.#over.abort())
      return 'deleted'
    }
    if (state === 'superseded') return 'superseded'
    return (stop.reason as StopKind) === 'detach' ? 'detached' : 'stopped'
  }

  #facts(): HealthFacts {
    const { context, lifecycle } = this.#services
    return {
      state: lifecycle.life.state,
      problem: context.host.problem ?? context.disk.problem,
      metrics: () => this.#metrics(),
    }
  }

  #metrics(): Metric[] {
    const { context, lifecycle, session, assignments, heartbeats, ended, clock } = this.#services
    return metricsOf({
      state: lifecycle.life.state,
      problem: context.host.problem ?? context.disk.problem,
      capacity: session.settings?.capacity ?? 0,
      freeSlots: assignments.freeSlots,
      phases: assignments.all.map(one => one.phase),
      slots: (context.host.runtime?.pool.slots ?? []).map(({ state }) => state),
      ended,
      clockDifference: clock.seconds,
      lastHeartbeat: heartbeats.lastAnswer,
    })
  }

  /** Ends the loops; jobs run on, idle slots are closed. */
  async close(): Promise<void> {
    const { context, assignments } = this.#services
    for (const assignment of assignments.all) assignment.detach()
    this.#over.abort()
    const { host, api, edges } = context
    const late = new AbortController()
    const closed = Promise.allSettled([
      host.runtime?.pool[Symbol.asyncDispose](),
      ...assignments.all.map(one => one.over),
      ...this.#loops,
    ])
    await Promise.race([closed, edges.clock.sleep(shutdownGrace, late.signal)])
    late.abort()
    // A backend that is away would keep this process from its end.
    host.runtime?.pool.giveUp()
    await api[Symbol.asyncDispose]()
  }
}
