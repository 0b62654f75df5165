import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Clock } from '../edges.ts'
import { type MissedReason, missedReasons } from '../protocol/missed-reasons.ts'
import { executionStates } from '../protocol/states.ts'
import type { Store } from '../store/store.ts'
import { capacityIn } from './state/capacity.ts'
import { countNodes, readNodes } from './state/node-counts.ts'
import { soonestExpiries } from './state/token-expiries.ts'
import { newestBackupKey } from './upkeep/host-notes.ts'

/** The use of an open connection; `unauthenticated`: no valid token has come on it yet. */
export type ConnectionKind = 'command-channel' | 'reserve' | 'follower' | 'event-reader' | 'unauthenticated'

/** Numbers about the server, for Prometheus. */
export interface Metrics {
  request(call: string, status: number, seconds: number): void
  /** A request that the server could not answer as it should. */
  failed(): void
  reserved(executions: number): void
  lost(executions: number): void
  /** Times of schedules that were decided. */
  scheduled(fired: number, notFired: Partial<Record<MissedReason, number>>): void
  /** So many notifications to a target were sent, were not taken by it, or are given up. */
  notified(target: string, result: 'sent' | 'not-taken' | 'failed', notifications: number): void
  /** The number of connections of a kind is counted when the metrics are read. */
  connections(kind: ConnectionKind, count: () => number): void
  /** All of them in Prometheus' text format. */
  text(): Promise<string>
}

const buckets = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/** Series by capabilities of one metric: a fleet may have as many sets of them as nodes. */
const mostCapabilities = 200

export interface MetricsOptions {
  version: string
  clock: Clock
}

export function makeMetrics(store: Store, { version, clock }: MetricsOptions): Metrics {
  const registry = new Registry()
  const registers = [registry]
  new Gauge({
    name: 'runner_server_info',
    help: '1; the release of the server.',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1)
  new Gauge({
    name: 'runner_server_start_timestamp_seconds',
    help: 'When the server began to listen.',
    registers,
  }).set(clock.now().getTime() / 1000)
  const requests = new Histogram({
    name: 'runner_server_request_seconds',
    help: 'How long answers took, by call and status; of a call that waits, until it was taken in.',
    labelNames: ['call', 'status'],
    buckets,
    registers,
  })
  const requestsBy = new Map<string, ReturnType<typeof requests.labels>>()
  const failures = new Counter({
    name: 'runner_server_failed_requests_total',
    help: 'Requests answered with 500.',
    registers,
  })
  const reservations = new Counter({
    name: 'runner_server_reservations_total',
    help: 'Executions handed to runners.',
    registers,
  })
  const losses = new Counter({
    name: 'runner_server_leases_lost_total',
    help: 'Executions whose lease ended.',
    registers,
  })
  const fires = new Counter({
    name: 'runner_server_schedules_fired_total',
    help: 'Executions made by schedules.',
    registers,
  })
  const misses = new Counter({
    name: 'runner_server_schedules_not_fired_total',
    help: 'Times of schedules that were not fired, by reason.',
    labelNames: ['reason'],
    registers,
  })
  for (const reason of Object.keys(missedReasons)) misses.inc({ reason }, 0)
  const schedules = {
    all: new Gauge({
      name: 'runner_server_schedules',
      help: 'Jobs that have a schedule.',
      registers,
    }),
    due: new Gauge({
      name: 'runner_server_schedules_due',
      help: 'Schedules that are due and not decided yet.',
      registers,
    }),
    late: new Gauge({
      name: 'runner_server_schedules_late_seconds',
      help: 'For how long the schedule that is due longest has been due.',
      registers,
    }),
  }
  const lookAtSchedules = async () => {
    const { now, due, counts } = await store.read(async tx => ({
      now: tx.now,
      due: await tx.nextDue(),
      counts: await tx.countSchedules(),
    }))
    schedules.all.set(counts.all)
    schedules.due.set(counts.due)
    schedules.late.set(Math.max(0, now - (due ?? now)) / 1000)
  }
  const transactions = new Histogram({
    name: 'runner_server_store_transaction_seconds',
    help: 'How long transactions of the store took.',
    buckets,
    registers,
  })
  const writers = new Counter({
    name: 'runner_server_store_writers_total',
    help: 'Changes that transactions of the store made together.',
    registers,
  })
  const kinds = new Map<ConnectionKind, () => number>()
  new Gauge({
    name: 'runner_server_connections',
    help: 'Connections that are held open, by purpose.',
    labelNames: ['kind'],
    registers,
    collect() {
      for (const [kind, count] of kinds) this.set({ kind }, count())
    },
  })
  new Gauge({
    name: 'runner_server_executions',
    help: 'Executions that are kept, by state.',
    labelNames: ['state'],
    registers,
    async collect() {
      const counts = await store.read(tx => tx.countExecutions())
      for (const state of executionStates) this.set({ state }, counts[state] ?? 0)
    },
  })
  const groupGauges = {
    depth: new Gauge({
      name: 'runner_server_queue_depth',
      help: 'Executions that wait for a runner, by runner group.',
      labelNames: ['runner_group'],
      registers,
    }),
    age: new Gauge({
      name: 'runner_server_queue_age_seconds',
      help: 'For how long the oldest execution of a runner group has existed that waits for a runner.',
      labelNames: ['runner_group'],
      registers,
    }),
  }
  const lookAtQueues = async () => {
    const { now, waiting } = await store.read(async tx => ({ now: tx.now, waiting: await tx.waiting() }))
    for (const gauge of Object.values(groupGauges)) gauge.reset()
    for (const { runner_group, count, since } of waiting) {
      groupGauges.depth.set({ runner_group }, count)
      groupGauges.age.set({ runner_group }, Math.max(0, now - since) / 1000)
    }
  }
  const notifications = new Counter({
    name: 'runner_server_notifications_total',
    help: 'Notifications by target and result: sent, not taken by a try, or failed for good.',
    labelNames: ['target', 'result'],
    registers,
  })
  const outbox = {
    depth: new Gauge({
      name: 'runner_server_notifications_waiting',
      help: 'Notifications that wait to be sent, by target.',
      labelNames: ['target'],
      registers,
    }),
    age: new Gauge({
      name: 'runner_server_notifications_age_seconds',
      help: 'For how long the oldest notification to a target has waited.',
      labelNames: ['target'],
      registers,
    }),
  }
  const lookAtOutbox = async () => {
    const { now, waiting } = await store.read(async tx => ({
      now: tx.now,
      waiting: await tx.waitingNotices(),
    }))
    for (const gauge of Object.values(outbox)) gauge.reset()
    for (const { target, count, since } of waiting) {
      outbox.depth.set({ target }, count)
      outbox.age.set({ target }, Math.max(0, now - since) / 1000)
    }
  }
  const nodes = new Gauge({
    name: 'runner_server_nodes',
    help: 'Nodes by runner group and state; unable: connected, and can start no job.',
    labelNames: ['runner_group', 'state'],
    registers,
  })
  const slotGauge = (name: string, help: string) =>
    new Gauge({ name, help, labelNames: ['runner_group', 'capabilities'], registers })
  const slots = {
    capacity: slotGauge(
      'runner_server_capacity',
      'Slots of nodes that may take jobs, by runner group and the capabilities of the nodes.',
    ),
    busy: slotGauge(
      'runner_server_busy',
      'Executions that nodes hold, by runner group and the capabilities of the nodes.',
    ),
    queued: slotGauge(
      'runner_server_queued',
      'Executions that wait for a node, by runner group and the capabilities that they ask for.',
    ),
  }
  const ends = new Counter({
    name: 'runner_server_executions_ended_total',
    help: 'Executions that have ended since the server began, by state.',
    labelNames: ['state'],
    registers,
  })
  store.subscribe(topic => {
    if (topic.about === 'end') ends.inc({ state: topic.state })
  })
  new Gauge({
    name: 'runner_server_backup_timestamp_seconds',
    help: 'When the newest backup by `runner server backup` on this host was made; absent: none is known.',
    registers,
    async collect() {
      const at = await store.read(tx => tx.meta(newestBackupKey))
      this.reset()
      if (at === undefined) this.remove()
      else this.set(Date.parse(at) / 1000)
    },
  })
  new Gauge({
    name: 'runner_server_token_expiry_timestamp_seconds',
    help:
      'When the first token of a kind expires that has not expired yet; ' +
      'tokens of runners are renewed, and are not among them.',
    labelNames: ['kind'],
    registers,
    async collect() {
      this.reset()
      for (const [kind, at] of await soonestExpiries(store)) this.set({ kind }, at / 1000)
    },
  })
  const lookAtNodes = async () => {
    const { rows, watched } = await readNodes(store)
    nodes.reset()
    for (const { count, ...labels } of countNodes(rows, watched)) nodes.set(labels, count)
    const found = await capacityIn(store, rows, watched)
    for (const name of ['capacity', 'busy', 'queued'] as const) {
      slots[name].reset()
      for (const { labels, number } of found[name].most(mostCapabilities))
        slots[name].set({ ...labels }, number)
    }
  }
  store.onTransaction((seconds, count) => {
    transactions.observe(seconds)
    writers.inc(count)
  })
  return {
    request(call, status, seconds) {
      const name = `${status} ${call}`
      const series = requestsBy.get(name) ?? requests.labels(call, String(status))
      requestsBy.set(name, series)
      series.observe(seconds)
    },
    failed: () => failures.inc(),
    reserved: count => reservations.inc(count),
    lost: count => losses.inc(count),
    scheduled(fired, notFired) {
      fires.inc(fired)
      for (const [reason, count] of Object.entries(notFired)) misses.inc({ reason }, count)
    },
    notified: (target, result, count) => notifications.inc({ target, result }, count),
    connections: (kind, count) => void kinds.set(kind, count),
    async text() {
      await Promise.all([lookAtQueues(), lookAtNodes(), lookAtSchedules(), lookAtOutbox()])
      return registry.metrics()
    },
  }
}
