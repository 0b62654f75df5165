/* The state of a runner, for people. */
import type { Runner } from '../../protocol/messages/runners.ts'

const marks: Record<Runner['state'], string> = {
  ready: '●',
  draining: '◐',
  left: '○',
  disconnected: '✗',
  unhealthy: '✗',
  deleted: '–',
  'never-connected': '○',
}

export function RunnerState({ of: { state, unable_because } }: { of: Runner }) {
  const isUnable = state === 'ready' && typeof unable_because === 'string'
  return (
    <span class={`state ${isUnable ? 'unhealthy' : state}`}>
      <span aria-hidden="true">{isUnable ? '✗' : marks[state]}</span> {isUnable ? 'starts no jobs' : state}
    </span>
  )
}

/** The state, and below it what `stateWords` says. */
export function StateAndWhy({ of }: { of: Runner }) {
  return (
    <>
      <RunnerState of={of} />
      {stateWords(of).map(words => (
        <div key={words} class="hint">
          {words}
        </div>
      ))}
    </>
  )
}

/** Why a runner takes no jobs though it is there, and what else is worth a look. */
export function stateWords({
  enabled,
  taints,
  role,
  unable_because,
  clock_difference_seconds,
}: Runner): string[] {
  const clock = clock_difference_seconds ?? 0
  return [
    ...(typeof unable_because === 'string' ? [unable_because] : []),
    ...(enabled ? [] : ['disabled: it takes no jobs']),
    ...(taints.length === 0 ? [] : [`tainted, so it takes no jobs: ${taints.join(', ')}`]),
    ...(role === null ? [] : [role]),
    ...(Math.abs(clock) < 5
      ? []
      : [`its clock is ${Math.abs(clock).toFixed(0)} s ${clock > 0 ? 'ahead' : 'behind'}`]),
  ]
}
