/* The ends of a job's latest runs, at a glance. */
import type { JobStats } from '../../protocol/messages/stats.ts'
import { durationText, localTime } from '../texts.ts'
import { marks } from './show.tsx'

/** A mark for each run, the latest at the right; each leads to its execution. */
export function Outcomes({ of: { name, last } }: { of: Pick<JobStats, 'name' | 'last'> }) {
  if (last.length === 0) return <span class="hint">no run has ended</span>
  return (
    <ol class="outcomes" aria-label={`Latest runs of ${name}, the latest last`}>
      {last.toReversed().map(({ id, state, finished_at, seconds }) => {
        const when = finished_at === null ? '' : ` ${localTime(finished_at)}`
        const text = `${state}${when}${seconds === null ? '' : `, took ${durationText(seconds)}`}`
        return (
          <li key={id}>
            <a href={`/executions/${id}`} class={state} title={text}>
              <span aria-hidden="true">{marks[state]}</span>
              <span class="unseen">{text}</span>
            </a>
          </li>
        )
      })}
    </ol>
  )
}

/**
 * The same on one line, as one link to all of them; marks that are alike are one text, since a list has many.
 */
export function OutcomeStrip({ of: { name, namespace, last } }: { of: JobStats }) {
  if (last.length === 0) return <span class="hint">no run has ended</span>
  const succeeded = last.filter(({ state }) => state === 'succeeded').length
  const count = `${succeeded} of the latest ${last.length} runs of ${name} succeeded`
  const text = `${count}; the last one: ${last[0]!.state}`
  const all = last.map(({ state }) => marks[state]).toReversed()
  const runs = all.join('').split(/(✓+|■+)/)
  return (
    <a
      class="runs"
      href={`/executions?${new URLSearchParams({ job_name: name, namespace })}`}
      aria-label={text}
      title={text}
    >
      {runs.map((part, index) => (
        <span key={index} class={classes[part[0] ?? ''] ?? 'failed'}>
          {part}
        </span>
      ))}
    </a>
  )
}

const classes: Record<string, string> = { '✓': 'succeeded', '■': 'aborted' }
