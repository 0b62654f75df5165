/* The parts of an attached runner, made and joined; nothing runs yet. */

import { join } from 'node:path'
import type { Registration } from '../protocol/messages/registration.ts'
import { runnerFeatures } from '../protocol/messages/runner-features.ts'
import { defined } from '../result.ts'
import { readHostFacts } from '../system/host-facts.ts'
import { Notifier } from '../system/wait.ts'
import type { AttachOptions } from './attach-options.ts'
import type { RunnerContext } from './context.ts'
import type { EmitAttach } from './events.ts'
import { Assignments } from './job/assignments.ts'
import { Spool } from './job/spool.ts'
import { ClockReporter } from './link/clock-reporter.ts'
import { Lifecycle } from './link/lifecycle.ts'
import { Registrar } from './link/registration.ts'
import { ServerApi } from './link/server-api.ts'
import { ServerSession } from './link/session.ts'
import { HeartbeatLoop } from './loops/heartbeat.ts'
import { DiskFloor } from './pool/disk-floor.ts'
import { ExecutorHost } from './pool/host.ts'
import { Reminder } from './reminder.ts'

export interface RunnerServices {
  context: RunnerContext
  lifecycle: Lifecycle
  session: ServerSession
  assignments: Assignments
  heartbeats: HeartbeatLoop
  spool: Spool
  clock: ClockReporter
  /** Executions that ended since the start, by outcome. */
  ended: ReadonlyMap<string, number>
}

/**
 * Makes the parts; `over` aborts when this process has nothing more to do. Throws where the spool cannot be
 * made.
 */
export function makeServices(options: AttachOptions, over: AbortSignal): RunnerServices {
  const { edges, executor, remote, server } = options
  const ended = new Map<string, number>()
  const emit: EmitAttach = event => {
    // A heartbeat tells the server at once, because it shows operators the obstacles of waiting jobs.
    if (event.event === 'engine:failed' || event.event === 'engine:ready') heartbeats.now()
    if (event.event === 'job:ended') ended.set(event.outcome, (ended.get(event.outcome) ?? 0) + 1)
    options.emit(event)
  }
  const changed = new Notifier()
  over.addEventListener('abort', () => changed.notify(), { once: true })
  const back = new Notifier()
  const clock = new ClockReporter(edges, emit)
  const lifecycle = new Lifecycle(changed, (from, to, because) =>
    emit({
      event: 'life:changed',
      from: from.state,
      to: to.state,
      ...defined({ because }),
      ...(to.state === 'ready' &&
        (host.isUntried ? { untried: true } : defined({ unable_because: host.problem }))),
    }),
  )
  const api = makeApi(options, { clock, back, emit })
  const host = makeHost(options, { emit, changed, over })
  const disk = new DiskFloor({
    disks: () => [
      { path: remote.state_dir },
      { path: remote.work_dir },
      ...(host.runtime?.facts.disks ?? []),
    ],
    least: options.minFree,
    emit,
  })
  const registrar = new Registrar({
    api,
    message: registrationOf(options),
    privateKey: options.identity.private_key,
    stateDir: remote.state_dir,
    edges,
    emit,
    over,
    registrationToken: options.registrationToken,
    tokenFile: options.tokenFile,
  })
  const session: ServerSession = new ServerSession({
    api,
    registrar,
    lifecycle,
    changed,
    clock: edges.clock,
    over,
    onRecovered: () => {
      back.notify()
      heartbeats.now()
    },
    onSettings: ({ capacity, eviction_time_seconds }) => host.configure({ capacity, eviction_time_seconds }),
  })
  const context: RunnerContext = {
    edges,
    api,
    host,
    disk,
    emit,
    over,
    back,
    changed,
    settings: () => session.settings,
    clockOffset: () => clock.best?.offset,
    recoverSession: failure => session.recover(failure),
    beat: () => heartbeats.now(),
    imageNames: new Map(),
    logLimit: executor.log_limit,
  }
  const spool = new Spool(join(remote.state_dir, 'spool'))
  const assignments = new Assignments(context, spool, {
    runner_group: remote.runner_group,
    release_url: server.href.replace(/\/$/, ''),
    reuse: executor.reuse,
  })
  const heartbeats: HeartbeatLoop = new HeartbeatLoop(context, lifecycle, assignments, remote.on_lost)
  return { context, lifecycle, session, assignments, heartbeats, spool, clock, ended }
}

function makeApi(
  { server, transport, readTransport, edges, env }: AttachOptions,
  { clock, back, emit }: { clock: ClockReporter; back: Notifier; emit: EmitAttach },
): ServerApi {
  const reminder = new Reminder(edges)
  return new ServerApi({
    server,
    transport,
    readTransport,
    clock: edges.clock,
    env,
    onClock: sample => clock.add(sample),
    clockReport: () => clock.best,
    onRefused: message => {
      if (reminder.isDue(message)) emit({ event: 'notice', message })
    },
    onBack: () => back.notify(),
  })
}

function makeHost(
  { executor, remote, identity, env, edges, openBackend }: AttachOptions,
  { emit, changed, over }: { emit: EmitAttach; changed: Notifier; over: AbortSignal },
): ExecutorHost {
  const backend = openBackend({
    settings: executor,
    stateDir: remote.state_dir,
    helperDir: remote.state_dir,
    workDir: remote.work_dir,
    runnerId: identity.uuid,
    env,
    edges,
    onImageRemoved: (image, disk) => emit({ event: 'image:removed', image, disk }),
    onProblem: message => host.suspect(message),
  })
  const host: ExecutorHost = new ExecutorHost({
    backend,
    maxJobsPerSlot: executor.max_jobs_per_executor,
    wantsReuse: executor.reuse !== 'never',
    edges,
    emit,
    changed,
    over,
  })
  return host
}

function registrationOf({ identity, remote, version }: AttachOptions): Registration {
  return {
    uuid: identity.uuid,
    name: remote.name,
    version,
    public_key: identity.public_key,
    runner_group: remote.runner_group,
    capabilities: remote.capabilities,
    taints: remote.taints,
    metadata: remote.metadata,
    host: readHostFacts(),
    features: [...runnerFeatures],
  }
}
