/* The text of `/metrics` of an attached runner. */

import type { Metric } from './health.ts'
import type { Phase } from './job/assignment-state.ts'
import type { Life } from './link/lifecycle.ts'

/** The facts at the time of the question. */
export interface MetricFacts {
  state: Life['state']
  /** Why no job can be started. */
  problem: string | undefined
  /** Jobs at a time. */
  capacity: number
  freeSlots: number
  /** The phase of each execution. */
  phases: readonly Phase[]
  /** The state of each slot. */
  slots: readonly string[]
  /** Executions that ended since the start, by outcome. */
  ended: ReadonlyMap<string, number>
  /** Seconds, this clock less the server's. */
  clockDifference: number
  /** When the server last answered a heartbeat. */
  lastHeartbeat: Date | undefined
}

const phases = ['confirming', 'preparing', 'running', 'delivering'] as const
const slotStates = ['starting', 'busy', 'checking', 'idle', 'stopping'] as const
const outcomes = ['succeeded', 'failed', 'aborted'] as const

const gauge = (name: string, help: string, value: number): Metric => ({
  name: `runner_${name}`,
  type: 'gauge',
  help,
  samples: [{ value }],
})

/** One sample for each of the names, whatever there is of it. */
function samples(label: string, names: readonly string[], countOf: (name: string) => number) {
  return names.map(name => ({ labels: { [label]: name }, value: countOf(name) }))
}

/** The metrics, in the order in which they are shown. */
export function metricsOf(facts: MetricFacts): Metric[] {
  const { state } = facts
  const among = (all: readonly string[]) => (name: string) => all.filter(one => one === name).length
  return [
    gauge('ready', '1 where work is taken.', Number(state === 'ready' && facts.problem === undefined)),
    {
      name: 'runner_state',
      type: 'gauge',
      help: 'The state of its life.',
      samples: [{ labels: { state }, value: 1 }],
    },
    gauge('capacity', 'Jobs at a time, as the server says.', facts.capacity),
    gauge('free_slots', 'Jobs that could be taken now.', facts.freeSlots),
    {
      name: 'runner_executions',
      type: 'gauge',
      help: 'Executions by how far they are.',
      samples: samples('phase', phases, among(facts.phases)),
    },
    {
      name: 'runner_executors',
      type: 'gauge',
      help: 'Slots by their state.',
      samples: samples('state', slotStates, among(facts.slots)),
    },
    {
      name: 'runner_executions_ended_total',
      type: 'counter',
      help: 'Executions that ended, since the start.',
      samples: samples('outcome', outcomes, name => facts.ended.get(name) ?? 0),
    },
    gauge('clock_difference_seconds', "This clock less the server's.", facts.clockDifference),
    gauge(
      'last_heartbeat_timestamp_seconds',
      'When the server last answered a heartbeat.',
      (facts.lastHeartbeat?.getTime() ?? 0) / 1000,
    ),
  ]
}
