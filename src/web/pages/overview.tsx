/* What runs, what waits and why, what has failed, and what comes. */
import { useMemo } from 'preact/hooks'
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import type { ScheduleView } from '../../protocol/messages/schedules.ts'
import { useLive, usePage } from '../context.ts'
import { progressOf } from '../jobs.ts'
import type { Part } from '../list.ts'
import { useNow } from '../live/pace.ts'
import { jobPath } from '../paths.ts'
import { durationText, secondsBetween } from '../texts.ts'
import { Empty, Loaded, State, Time } from '../ui/show.tsx'
import { Title } from '../ui/title.tsx'
import { Runners } from './overview-runners.tsx'
import { Throughput } from './overview-throughput.tsx'

/** Items of each list. */
const shown = 20
const fields =
  'job_name,namespace,image,state,created_at,started_at,finished_at,usual_seconds,waiting_because,node_name,reason,error_message'

export function Overview() {
  const { session } = usePage()
  const reads = session.role !== 'submitter'
  return (
    <>
      <Title text="Overview" />
      {reads && <Runners />}
      <div class="columns">
        <Running />
        <Waiting />
        <Failed />
        {reads && <Next />}
      </div>
      {reads && <Throughput />}
    </>
  )
}

const useExecutions = (query: string) =>
  useLive<Part<ListedExecution>>(`/v1/executions?limit=${shown}&fields=${fields}&${query}`, {
    topics: ['execution'],
  })

/** Leads to what a list leaves out. */
function Rest({ next, states }: { next: string | null; states: string }) {
  return next === null ? null : (
    <p>
      <a href={`/executions?state=${states}`}>Show all of them</a>
    </p>
  )
}

function Name({ of: { id, job_name, image, namespace } }: { of: ListedExecution }) {
  return (
    <>
      <a href={`/executions/${id}`}>{job_name ?? image}</a>
      {namespace !== undefined && namespace !== 'default' && <span class="hint"> in {namespace}</span>}
    </>
  )
}

function Running() {
  const states = 'running,aborting'
  const executions = useExecutions(`state=${states}`)
  return (
    <section>
      <h2>Running now</h2>
      <Loaded of={executions}>
        {({ items, next }) =>
          items.length === 0 ? (
            <p class="hint">Nothing runs.</p>
          ) : (
            <>
              <ul class="rows">
                {items.map(item => (
                  <RunningRow key={item.id} item={item} />
                ))}
              </ul>
              <Rest next={next} states={states} />
            </>
          )
        }
      </Loaded>
    </section>
  )
}

function RunningRow({ item }: { item: ListedExecution }) {
  const now = useNow(1000)
  const { started_at, created_at, usual_seconds, node_name, job_name, image } = item
  const seconds = Math.max(0, secondsBetween(started_at ?? created_at, null, now))
  const progress = progressOf(seconds, usual_seconds)
  const isLong = progress === 1 && seconds > (usual_seconds ?? 0) * 1.5
  return (
    <li>
      <div class="title">
        <Name of={item} />
        <span class="hint">
          on {node_name ?? 'no runner'}, for <span class="number">{durationText(Math.round(seconds))}</span>
          {typeof usual_seconds === 'number' && <> of usually {durationText(usual_seconds)}</>}
        </span>
      </div>
      {progress !== undefined && (
        <progress max={1} value={progress} aria-label={`${job_name ?? image} of its usual duration`} />
      )}
      {isLong && <div class="warned">It takes much longer than usual.</div>}
    </li>
  )
}

function Waiting() {
  const states = 'queued,reserved'
  const executions = useExecutions(`state=${states}`)
  return (
    <section>
      <h2>Waiting</h2>
      <Loaded of={executions}>
        {({ items, next }) =>
          items.length === 0 ? (
            <p class="hint">Nothing waits.</p>
          ) : (
            <>
              <ul class="rows">
                {items.map(item => (
                  <li key={item.id}>
                    <div class="title">
                      <Name of={item} />
                      <span class="hint">
                        since <Time at={item.created_at} />
                      </span>
                    </div>
                    <div>{item.waiting_because ?? 'A runner is about to take it.'}</div>
                  </li>
                ))}
              </ul>
              <Rest next={next} states={states} />
            </>
          )
        }
      </Loaded>
    </section>
  )
}

const day = 86_400_000

function Failed() {
  const now = useNow(60_000)
  // The answer is asked for from the last hour that began when the page was shown; what has become older is left out here.
  const since = useMemo(() => new Date(Math.floor(now / 3_600_000) * 3_600_000 - 2 * day).toISOString(), [])
  const states = 'failed,lost'
  const executions = useExecutions(`state=${states}&since=${since}`)
  return (
    <section>
      <h2>Failed in the last 24 hours</h2>
      <Loaded of={executions}>
        {({ items, next }) => {
          const late = items.filter(
            ({ finished_at, created_at }) => Date.parse(finished_at ?? created_at) > now - day,
          )
          return late.length === 0 ? (
            <p class="hint">Nothing has failed.</p>
          ) : (
            <>
              <ul class="rows">
                {late.map(item => (
                  <li key={item.id}>
                    <div class="title">
                      <span>
                        <State of={item.state} /> <Name of={item} />
                      </span>
                      <span class="hint">
                        <Time at={item.finished_at} />
                      </span>
                    </div>
                    <div>{item.error_message ?? item.reason}</div>
                  </li>
                ))}
              </ul>
              <Rest next={next} states={states} />
            </>
          )
        }}
      </Loaded>
    </section>
  )
}

function Next() {
  const schedules = useLive<Part<ScheduleView>>('/v1/schedules?soonest=true&limit=10', {
    topics: ['schedule', 'job'],
  })
  return (
    <section>
      <h2>Next by schedule</h2>
      <Loaded of={schedules}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>
              <p>No job has a time that comes.</p>
              <p>
                <code>runner job put NAME --image IMAGE --cron '30 2 * * *'</code> runs one each night.
              </p>
            </Empty>
          ) : (
            <ul class="rows">
              {items.map(({ job, namespace, due_at, text, paused_at }) => (
                <li key={`${namespace}/${job}`} class="title">
                  <span>
                    <a href={jobPath({ name: job, namespace })}>{job}</a> <span class="hint">{text}</span>
                    {paused_at !== null && <span class="warned"> ❚❚ paused</span>}
                  </span>
                  <Time at={due_at} />
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
      <p>
        <a href="/schedule">Show the next 7 days</a>
      </p>
    </section>
  )
}
