/* The state of a runner, for people. */
import type { Runner } from '../../protocol/messages/runners.ts'
import { Marked, Noted } from './show.tsx'

const marks: Record<Runner['state'], string> = {
  ready: '●',
  draining: '◐',
  left: '○',
  disconnected: '✗',
  unhealthy: '✗',
  deleted: '–',
  'never-connected': '○',
}

export function RunnerState({ of: { state, unable_because, enabled, taints } }: { of: Runner }) {
  const isUnable = typeof unable_because === 'string'
  // Nobody expects jobs on it: a plain `ready` would say so.
  const word = isUnable ? 'starts no jobs' : enabled ? taints.length > 0 && 'tainted' : 'out of service'
  if (state !== 'ready' || word === false) return <Marked state={state} mark={marks[state]} />
  const shown = isUnable ? 'unhealthy' : 'draining'
  return <Marked state={shown} mark={marks[shown]} word={word} />
}

/** The state, and below it what `stateWords` says. */
export const StateAndWhy = ({ of }: { of: Runner }) => (
  <Noted of={<RunnerState of={of} />} by={stateWords(of).join('; ')} />
)

/** Why a runner takes no jobs though it is there, and what else is worth a look. */
export function stateWords({ enabled, taints, role, deleted, unable_because, ...runner }: Runner): string[] {
  const clock = runner.clock_difference_seconds ?? 0
  const words = [
    unable_because,
    !enabled && 'disabled: it takes no jobs',
    taints.length > 0 && `tainted, so it takes no jobs: ${taints.join(', ')}`,
    !deleted && role,
    Math.abs(clock) >= 5 && `its clock is ${Math.abs(clock).toFixed(0)} s ${clock > 0 ? 'ahead' : 'behind'}`,
  ]
  return words.filter(word => typeof word === 'string')
}
