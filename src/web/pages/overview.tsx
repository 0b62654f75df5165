/*
 * The overview: executions that run, wait (with the reason) or have failed, and the next times of schedules.
 */
import type { ComponentChildren } from 'preact'
import { useMemo } from 'preact/hooks'
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import type { ScheduleView } from '../../protocol/messages/schedules.ts'
import { useList, usePage } from '../context.ts'
import { progressOf } from '../jobs.ts'
import { minute, now } from '../live/now.ts'
import { executionPath } from '../paths.ts'
import { mayRead } from '../session.ts'
import { durationText, secondsBetween, sentence } from '../texts.ts'
import { ItemRows, Row } from '../ui/items.tsx'
import { InNamespace, NoSchedule, Scheduled, scheduleKey } from '../ui/links.tsx'
import { Onward, Page, Section, State, Time } from '../ui/show.tsx'
import { RunnersNow } from './overview-runners.tsx'
import { Throughput } from './overview-throughput.tsx'
import { whySentence } from './why.ts'

/** Items of each list. */
const shown = 20
export const stateRunning = 'state=running,aborting'
const fields =
  'job_name,namespace,image,state,created_at,started_at,finished_at,usual_seconds,' +
  'waiting_because,node_name,reason,error_message,exit_code'

export function Overview() {
  const { session } = usePage()
  const reads = mayRead(session)
  return (
    <Page title="Overview">
      {reads && <RunnersNow />}
      <div class="columns">
        <ListedRows title="Running now" query={stateRunning} none="Nothing runs." row={Running} />
        <ListedRows title="Waiting" query="state=queued,reserved" none="Nothing waits." row={Waiting} />
        <Failed />
        {reads && <Next />}
      </div>
      {reads && <Throughput />}
    </Page>
  )
}

interface Chosen {
  title: string
  /** Which executions, as the call and the address of their list say it. */
  query: string
  /** More of the query of the call. */
  more?: string
  /** Tells which of the found executions are shown. */
  fits?: (item: ListedExecution) => boolean
  none: string
  row: (item: ListedExecution) => ComponentChildren
}

export function ListedRows({ title, query, more = '', fits = () => true, none, row }: Chosen) {
  const path = `/v1/executions?limit=${shown}&fields=${fields}&${query}${more}`
  const executions = useList<ListedExecution>(path, ({ id }) => id, ['execution'])
  const data = executions.data?.filter(fits)
  return (
    <Section title={title}>
      <ItemRows of={{ ...executions, data }} empty={none} all={`/executions?${query}`} row={row} />
    </Section>
  )
}

function Name({ of }: { of: ListedExecution }) {
  return (
    <>
      <a href={executionPath(of)}>{of.job_name ?? of.image}</a>
      <InNamespace of={of.namespace} />
    </>
  )
}

/** A row of an execution that runs. */
export function Running(item: ListedExecution) {
  const { started_at, created_at, usual_seconds, node_name, job_name, image } = item
  const seconds = Math.max(0, secondsBetween(started_at ?? created_at, null, now.value))
  const progress = progressOf(seconds, usual_seconds)
  const usual = typeof usual_seconds === 'number' ? ` of usually ${durationText(usual_seconds)}` : ''
  const isLong = progress === 1 && seconds > (usual_seconds ?? 0) * 1.5
  return (
    <Row
      of={<Name of={item} />}
      beside={`on ${node_name ?? 'no runner'}, for ${durationText(Math.round(seconds))}${usual}`}
    >
      {progress !== undefined && (
        <progress max={1} value={progress} aria-label={`${job_name ?? image} of its usual duration`} />
      )}
      {isLong && <div class="warned">It takes much longer than usual.</div>}
    </Row>
  )
}

function Waiting(item: ListedExecution) {
  return (
    <Row of={<Name of={item} />} beside={<Time at={item.created_at} before="since" />}>
      {item.waiting_because === null ? 'A runner is about to take it.' : sentence(item.waiting_because)}
    </Row>
  )
}

const day = 86_400_000

function Failed() {
  // The answer is asked for from the last hour that began when the page was shown; items that have become
  // older are left out here.
  const since = useMemo(() => new Date(Math.floor(Date.now() / 3_600_000) * 3_600_000 - 2 * day), [])
  const isLate = ({ finished_at, created_at }: ListedExecution) =>
    Date.parse(finished_at ?? created_at) > minute.value - day
  const row = (item: ListedExecution) => (
    <Row of={[<State of={item.state} />, ' ', <Name of={item} />]} beside={<Time at={item.finished_at} />}>
      {whySentence(item)}
    </Row>
  )
  return (
    <ListedRows
      title="Failed in the last 24 hours"
      query="state=failed,lost"
      more={`&last_attempts=true&since=${since.toISOString()}`}
      fits={isLate}
      none="Nothing has failed."
      row={row}
    />
  )
}

function Next() {
  const path = '/v1/schedules?soonest=true&limit=10'
  const schedules = useList<ScheduleView>(path, scheduleKey, ['schedule', 'job'])
  return (
    <Section title="Next by schedule">
      <ItemRows
        of={schedules}
        empty={<NoSchedule text="No job has a time that comes." />}
        row={schedule => <Row of={<Scheduled of={schedule} />} beside={<Time at={schedule.due_at} />} />}
      />
      <Onward to="/schedule">Show the next 7 days</Onward>
    </Section>
  )
}
