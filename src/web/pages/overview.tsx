/* What runs, what waits and why, what has failed, and what comes. */
import { useMemo } from 'preact/hooks'
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import type { ScheduleView } from '../../protocol/messages/schedules.ts'
import { usePage } from '../context.ts'
import { progressOf } from '../jobs.ts'
import { useList } from '../list.ts'
import { useNow } from '../live/pace.ts'
import { executionPath } from '../paths.ts'
import { mayRead } from '../session.ts'
import { durationText, secondsBetween } from '../texts.ts'
import { ItemRows } from '../ui/items.tsx'
import { InNamespace } from '../ui/links.tsx'
import { NoSchedule, Scheduled } from '../ui/schedules.tsx'
import { Section, State, Time } from '../ui/show.tsx'
import { Title } from '../ui/title.tsx'
import { Runners } from './overview-runners.tsx'
import { Throughput } from './overview-throughput.tsx'

/** Items of each list. */
const shown = 20
const fields =
  'job_name,namespace,image,state,created_at,started_at,finished_at,usual_seconds,waiting_because,node_name,reason,error_message'

export function Overview() {
  const { session } = usePage()
  const reads = mayRead(session)
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

/** Where the list of executions shows all that have one of these states. */
const allOf = (states: string) => `/executions?state=${states}`

const useExecutions = (query: string) =>
  useList<ListedExecution>(`/v1/executions?limit=${shown}&fields=${fields}&${query}`, ({ id }) => id, [
    'execution',
  ])

function Name({ of }: { of: ListedExecution }) {
  return (
    <span>
      <a href={executionPath(of)}>{of.job_name ?? of.image}</a>
      <InNamespace of={of.namespace} />
    </span>
  )
}

function Running() {
  const states = 'running,aborting'
  const executions = useExecutions(`state=${states}`)
  return (
    <Section title="Running now">
      <ItemRows
        of={executions}
        empty="Nothing runs."
        all={allOf(states)}
        row={item => <RunningRow item={item} />}
      />
    </Section>
  )
}

function RunningRow({ item }: { item: ListedExecution }) {
  const now = useNow(1000)
  const { started_at, created_at, usual_seconds, node_name, job_name, image } = item
  const seconds = Math.max(0, secondsBetween(started_at ?? created_at, null, now))
  const progress = progressOf(seconds, usual_seconds)
  const isLong = progress === 1 && seconds > (usual_seconds ?? 0) * 1.5
  return (
    <>
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
    </>
  )
}

function Waiting() {
  const states = 'queued,reserved'
  const executions = useExecutions(`state=${states}`)
  return (
    <Section title="Waiting">
      <ItemRows
        of={executions}
        empty="Nothing waits."
        all={allOf(states)}
        row={item => (
          <>
            <div class="title">
              <Name of={item} />
              <span class="hint">
                since <Time at={item.created_at} />
              </span>
            </div>
            <div>{item.waiting_because ?? 'A runner is about to take it.'}</div>
          </>
        )}
      />
    </Section>
  )
}

const day = 86_400_000

function Failed() {
  const now = useNow(60_000)
  // The answer is asked for from the last hour that began when the page was shown; what has become older is left out here.
  const since = useMemo(() => new Date(Math.floor(now / 3_600_000) * 3_600_000 - 2 * day).toISOString(), [])
  const states = 'failed,lost'
  const executions = useExecutions(`state=${states}&since=${since}`)
  const late = executions.data?.filter(
    ({ finished_at, created_at }) => Date.parse(finished_at ?? created_at) > now - day,
  )
  return (
    <Section title="Failed in the last 24 hours">
      <ItemRows
        of={{ ...executions, data: late }}
        empty="Nothing has failed."
        all={allOf(states)}
        row={item => (
          <>
            <div class="title">
              <span>
                <State of={item.state} /> <Name of={item} />
              </span>
              <span class="hint">
                <Time at={item.finished_at} />
              </span>
            </div>
            <div>{item.error_message ?? item.reason}</div>
          </>
        )}
      />
    </Section>
  )
}

function Next() {
  const key = ({ job, namespace }: ScheduleView) => `${namespace}/${job}`
  const schedules = useList<ScheduleView>('/v1/schedules?soonest=true&limit=10', key, ['schedule', 'job'])
  return (
    <Section title="Next by schedule">
      <ItemRows
        of={schedules}
        empty={<NoSchedule text="No job has a time that comes." />}
        row={schedule => (
          <div class="title">
            <Scheduled of={schedule} />
            <Time at={schedule.due_at} />
          </div>
        )}
      />
      <p>
        <a href="/schedule">Show the next 7 days</a>
      </p>
    </Section>
  )
}
