/* The state of a runner, for people. */
import type { Runner } from '../../protocol/messages/runners.ts'
import { Marked } from './show.tsx'

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
  if (isUnable) return <Marked state="unhealthy" mark={marks.unhealthy} word="starts no jobs" />
  return <Marked state={state} mark={marks[state]} />
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
export function stateWords({ enabled, taints, role, unable_because, ...runner }: Runner): string[] {
  const clock = runner.clock_difference_seconds ?? 0
  const words = [
    unable_because,
    !enabled && 'disabled: it takes no jobs',
    taints.length > 0 && `tainted, so it takes no jobs: ${taints.join(', ')}`,
    role,
    Math.abs(clock) >= 5 && `its clock is ${Math.abs(clock).toFixed(0)} s ${clock > 0 ? 'ahead' : 'behind'}`,
  ]
  return words.filter(word => typeof word === 'string')
}
