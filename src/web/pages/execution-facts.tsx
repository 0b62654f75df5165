/* Facts of an execution, as a list of names and values. */
import type { ComponentChildren } from 'preact'
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import { jobPath, runnerPath } from '../paths.ts'
import { durationText, secondsBetween, sizeText } from '../texts.ts'
import { Duration, Time } from '../ui/show.tsx'

export function ExecutionFacts({ execution, now }: { execution: ListedExecution; now: number }) {
  const { id, job_name, namespace, image, image_digest, node_name, runner_id, runner_group, kind } = execution
  const { created_at, started_at, finished_at, scheduled_for, catch_up, priority, resources, exit_code } =
    execution
  return (
    <dl class="facts">
      <Fact name="Job">
        {job_name === null ? (
          'none: it was submitted'
        ) : (
          <a href={jobPath({ name: job_name, namespace })}>{job_name}</a>
        )}
      </Fact>
      {namespace !== undefined && namespace !== 'default' && <Fact name="Namespace">{namespace}</Fact>}
      <Fact name="Took">
        <Duration seconds={started_at === null ? null : secondsBetween(started_at, finished_at, now)} />
        <Usual execution={execution} now={now} />
      </Fact>
      <Fact name="Runner">
        {runner_id === null ? (
          (node_name ?? '–')
        ) : (
          <a href={runnerPath(runner_id)}>{node_name ?? runner_id}</a>
        )}
        <span class="hint"> of group {runner_group}</span>
      </Fact>
      <Fact name={kind === 'script' ? 'Script' : 'Image'}>
        <code>{image}</code>
        {image_digest !== null && image_digest !== undefined && <div class="hint">{image_digest}</div>}
      </Fact>
      <Fact name="Created">
        <Time at={created_at} />
      </Fact>
      <Fact name="Started">
        <Time at={started_at} />
      </Fact>
      <Fact name="Ended">
        <Time at={finished_at} />
      </Fact>
      {scheduled_for !== null && scheduled_for !== undefined && (
        <Fact name="Scheduled for">
          <Time at={scheduled_for} />
          {catch_up !== null && catch_up !== undefined && (
            <span class="hint"> made later, since the schedule had to catch up ({catch_up})</span>
          )}
        </Fact>
      )}
      {exit_code !== null && <Fact name="Exit status">{exit_code}</Fact>}
      {resources?.cpu_seconds !== undefined && (
        <Fact name="Processor time">
          <Duration seconds={resources.cpu_seconds} />
        </Fact>
      )}
      {resources?.peak_memory_bytes !== undefined && (
        <Fact name="Most memory">{sizeText(resources.peak_memory_bytes)}</Fact>
      )}
      {priority !== 0 && <Fact name="Priority">{priority}</Fact>}
      <Fact name="Id">
        <code>{id}</code>
      </Fact>
    </dl>
  )
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

/** How long runs of the job usually take; while it runs, as progress. */
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
