/* Facts of an execution, as a list of names and values. */
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import { durationText, secondsBetween, sizeText } from '../texts.ts'
import { JobLink, RunnerLink } from '../ui/links.tsx'
import { Duration, Facts, Noted, Time } from '../ui/show.tsx'

export function ExecutionFacts({ execution, now }: { execution: ListedExecution; now: number }) {
  const { id, job_name, namespace, image, image_digest, runner_group, kind, priority, resources } = execution
  const { created_at, started_at, finished_at, scheduled_for, catch_up, exit_code, reason } = execution
  return (
    <Facts
      of={{
        Job: <JobLink name={job_name} image="none: it was submitted" namespace={namespace} />,
        Took: (
          <>
            <Duration seconds={started_at === null ? null : secondsBetween(started_at, finished_at, now)} />
            <Usual execution={execution} now={now} />
          </>
        ),
        Runner: (
          <>
            <RunnerLink of={execution} />
            <span class="hint"> of group {runner_group}</span>
          </>
        ),
        [kind === 'script' ? 'Script' : 'Image']: <Noted of={<code>{image}</code>} by={image_digest} />,
        Created: <Time at={created_at} />,
        Started: <Time at={started_at} />,
        Ended: <Time at={finished_at} />,
        'Scheduled for': scheduled_for && (
          <Noted
            of={<Time at={scheduled_for} />}
            by={catch_up && `made later, since the schedule had to catch up (${catch_up})`}
          />
        ),
        'Exit status': exit_code,
        Reason: reason,
        'Processor time': resources?.cpu_seconds !== undefined && (
          <Duration seconds={resources.cpu_seconds} />
        ),
        'Most memory': resources?.peak_memory_bytes && sizeText(resources.peak_memory_bytes),
        Priority: priority || undefined,
        Id: <code>{id}</code>,
      }}
    />
  )
}

/** The usual duration of runs of the job; while the execution runs, as progress. */
function Usual({ execution, now }: { execution: ListedExecution; now: number }) {
  const { usual_seconds, started_at, finished_at } = execution
  if (usual_seconds === null || usual_seconds === undefined) return null
  const text = <span class="hint"> usually {durationText(usual_seconds)}</span>
  if (started_at === null || finished_at !== null) return text
  const seconds = secondsBetween(started_at, null, now)
  return (
    <>
      {text}
      <progress
        aria-label="Progress against the usual duration"
        max={usual_seconds}
        value={Math.min(seconds, usual_seconds)}
      />
    </>
  )
}
