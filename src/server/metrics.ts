import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { executionStates } from '../protocol/states.ts'
import type { Store } from './store/store.ts'

/** What holds a connection open; `unauthenticated`: no valid token has come on it yet. */
export type ConnectionKind = 'command-channel' | 'reserve' | 'follower' | 'unauthenticated'

/** Numbers about the server, for Prometheus. */
export interface Metrics {
  request(call: string, status: number, seconds: number): void
  /** A request that the server could not answer as it should. */
  failed(): void
  reserved(executions: number): void
  lost(executions: number): void
  /** How many connections of a kind there are is asked for when somebody looks. */
  connections(kind: ConnectionKind, count: () => number): void
  /** All of them in Prometheus' text format. */
  text(): Promise<string>
}

const buckets = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

export function makeMetrics(store: Store): Metrics {
  const registry = new Registry()
  const registers = [registry]
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
    help: 'Connections that are held open, by what for.',
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
    connections: (kind, count) => void kinds.set(kind, count),
    async text() {
      await lookAtQueues()
      return registry.metrics()
    },
  }
}
