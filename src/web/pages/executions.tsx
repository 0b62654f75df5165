/* All executions that somebody may see, filtered as the address says. */
import { useEffect, useRef } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import type { Runner } from '../../protocol/messages/runners.ts'
import { type Part, useLive, usePage } from '../context.ts'
import { now } from '../live/now.ts'
import { executionPath } from '../paths.ts'
import { executionFilters, executionQuery, valuesOf } from '../query.ts'
import { mayRead } from '../session.ts'
import { secondsBetween } from '../texts.ts'
import { Choice, Field, Filters } from '../ui/form.tsx'
import { type Columns, Empty, Table } from '../ui/items.tsx'
import { JobLink, RunnerLink } from '../ui/links.tsx'
import { Duration, Loaded, marks, Noted, Onward, Page, State, Time } from '../ui/show.tsx'
import { isOver } from './spans.ts'

const fields = [
  'job_name,namespace,attempt,image,state,created_at,started_at,finished_at',
  'node_name,runner_id,exit_code,reason,waiting_because,usual_seconds',
].join(',')

export function Executions() {
  const { query, path } = useLocation()
  const filters = valuesOf(query, executionFilters)
  const call = `/v1/executions?limit=100&fields=${fields}&${executionQuery(filters)}`
  const shown = useLive<Part<ListedExecution>>(call, ['execution'])
  const at = (shown.data?.items.every(isOver) ?? true) ? 0 : now.value
  const { after, ...others } = filters
  const first = useRef(true)
  // Another page begins at its beginning.
  useEffect(() => {
    if (!first.current) scrollTo(0, 0)
    first.current = false
  }, [after])
  return (
    <Page title="Executions">
      <ExecutionFilters of={others} />
      <Loaded of={shown}>
        {({ items, next }) => (
          <>
            {items.length === 0 ? (
              <NoExecution isFiltered={Object.keys(filters).length > 0} hasMore={next !== null} />
            ) : (
              <Table of={items} keyOf={({ id }) => id} columns={columnsAt(at)} />
            )}
            <nav class="buttons" aria-label="Pages of the list">
              {after !== undefined && <a href={`${path}?${new URLSearchParams(others)}`}>Newest</a>}
              {next !== null && (
                <a href={`${path}?${new URLSearchParams({ ...others, after: next })}`}>Older</a>
              )}
            </nav>
          </>
        )}
      </Loaded>
    </Page>
  )
}

function ExecutionFilters({ of }: { of: Record<string, string> }) {
  const { session } = usePage()
  const chosen = of.state?.split(',') ?? []
  return (
    <Filters>
      <fieldset class="states">
        <legend>State</legend>
        {Object.keys(marks).map(state => (
          <label key={state}>
            <input type="checkbox" name="state" value={state} defaultChecked={chosen.includes(state)} />{' '}
            {state}
          </label>
        ))}
      </fieldset>
      <Field label="Text in job, image, runner or reason" name="text" type="search" defaultValue={of.text} />
      <Field label="Job" name="job_name" defaultValue={of.job_name} />
      {mayRead(session) && <RunnerChoice chosen={of.runner_id} />}
      <Field label="Runner group" name="runner_group" defaultValue={of.runner_group} />
      {of.namespace !== undefined && <input type="hidden" name="namespace" value={of.namespace} />}
      <Field label="From" name="since" type="datetime-local" defaultValue={of.since} />
      <Field label="Before" name="until" type="datetime-local" defaultValue={of.until} />
    </Filters>
  )
}

function RunnerChoice({ chosen }: { chosen: string | undefined }) {
  const runners = useLive<Part<Runner>>('/v1/runners?limit=1000', [])
  const names = runners.data?.items.map(({ id, name }): [string, string] => [id, name]) ?? []
  return <Choice label="Runner" name="runner_id" of={[['', 'all'], ...names]} chosen={chosen} />
}

function NoExecution({ isFiltered, hasMore }: { isFiltered: boolean; hasMore: boolean }) {
  const { session } = usePage()
  if (hasMore) return <Empty text="None of the executions that were looked at fits. Older ones may." />
  if (isFiltered)
    return (
      <Empty text="No execution fits.">
        <Onward to="/executions">Show all executions.</Onward>
      </Empty>
    )
  if (!mayRead(session))
    return (
      <Empty text="This token has asked for no execution yet.">
        <Onward to="/jobs">Run a job.</Onward>
      </Empty>
    )
  const command = 'runner submit --image busybox --wait -- echo hello'
  return <Empty text="Nothing has run yet." command={command} does="runs a first job." />
}

const columnsAt = (now: number): Columns<ListedExecution> => ({
  State: ({ state, reason, exit_code }) => (
    <Noted of={<State of={state} />} by={reason === 'exit-status' ? `status ${exit_code}` : reason} />
  ),
  Execution: item => (
    <>
      <a href={executionPath(item)}>{item.id.slice(0, 13)}</a>
      {item.attempt > 1 && <span class="hint"> attempt {item.attempt}</span>}
      {item.waiting_because !== null && <div class="hint">{item.waiting_because}</div>}
    </>
  ),
  Job: ({ job_name, image, namespace }) => <JobLink name={job_name} image={image} namespace={namespace} />,
  Runner: item => <RunnerLink of={item} />,
  Created: ({ created_at }) => <Time at={created_at} />,
  Took: ({ started_at: from, finished_at }) => (
    <Duration seconds={from === null ? null : secondsBetween(from, finished_at, now)} />
  ),
})
