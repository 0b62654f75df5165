/* All executions that somebody may see, filtered as the address says. */
import { useEffect, useRef } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import { useLive, usePage } from '../context.ts'
import type { Part } from '../list.ts'
import { useNow } from '../live/pace.ts'
import { executionPath } from '../paths.ts'
import { valuesOf } from '../query.ts'
import { mayRead } from '../session.ts'
import { secondsBetween } from '../texts.ts'
import { Empty } from '../ui/items.tsx'
import { InNamespace, JobLink, RunnerLink } from '../ui/links.tsx'
import { Duration, Loaded, State, Time } from '../ui/show.tsx'
import { type Columns, Table } from '../ui/table.tsx'
import { Title } from '../ui/title.tsx'
import { ExecutionFilters } from './execution-filters.tsx'
import { asked, filterNames } from './filters.ts'
import { isOver } from './spans.ts'

const fields = [
  'job_name',
  'namespace',
  'attempt',
  'image',
  'state',
  'created_at',
  'started_at',
  'finished_at',
  'node_name',
  'runner_id',
  'exit_code',
  'reason',
  'waiting_because',
  'usual_seconds',
].join(',')

export function Executions() {
  const { query, path } = useLocation()
  const filters = valuesOf(query, filterNames)
  const call = `/v1/executions?limit=100&fields=${fields}&${asked(filters)}`
  const shown = useLive<Part<ListedExecution>>(call, ['execution'])
  const isIdle = shown.data?.items.every(isOver) ?? true
  const now = useNow(isIdle ? undefined : 1000)
  const { after, ...others } = filters
  const top = useRef<HTMLDivElement>(null)
  const first = useRef(true)
  // Another page begins at its beginning.
  useEffect(() => {
    if (!first.current) top.current?.scrollIntoView()
    first.current = false
  }, [after])
  return (
    <div ref={top}>
      <Title text="Executions" />
      <ExecutionFilters filters={others} />
      <Loaded of={shown}>
        {({ items, next }) => (
          <>
            {items.length === 0 ? (
              <NoExecution isFiltered={Object.keys(filters).length > 0} hasMore={next !== null} />
            ) : (
              <Table of={items} keyOf={({ id }) => id} columns={columnsAt(now)} />
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
    </div>
  )
}

function NoExecution({ isFiltered, hasMore }: { isFiltered: boolean; hasMore: boolean }) {
  const { session } = usePage()
  if (hasMore) return <Empty text="None of the executions that were looked at fits. Older ones may." />
  if (isFiltered)
    return (
      <Empty text="No execution fits.">
        <a href="/executions">Show all executions.</a>
      </Empty>
    )
  if (!mayRead(session))
    return (
      <Empty text="This token has asked for no execution yet.">
        <a href="/jobs">Run a job.</a>
      </Empty>
    )
  const command = 'runner submit --image busybox --wait -- echo hello'
  return <Empty text="Nothing has run yet." command={command} does="runs a first job." />
}

const columnsAt = (now: number): Columns<ListedExecution> => ({
  State: ({ state, reason, exit_code }) => (
    <>
      <State of={state} />
      {state === 'failed' && <div class="hint">{reason ?? `status ${exit_code}`}</div>}
    </>
  ),
  Execution: item => (
    <>
      <a href={executionPath(item)}>{item.id.slice(0, 13)}</a>
      {item.attempt > 1 && <span class="hint"> attempt {item.attempt}</span>}
      {item.waiting_because !== null && <div class="hint">{item.waiting_because}</div>}
    </>
  ),
  Job: ({ job_name, image, namespace }) =>
    job_name === null ? (
      <>
        {image}
        <InNamespace of={namespace} />
      </>
    ) : (
      <JobLink name={job_name} namespace={namespace} />
    ),
  Runner: item => <RunnerLink of={item} />,
  Created: ({ created_at }) => <Time at={created_at} />,
  Took: ({ started_at: from, finished_at }) => (
    <Duration seconds={from === null ? null : secondsBetween(from, finished_at, now)} />
  ),
})
