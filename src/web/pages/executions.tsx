/* All executions that somebody may see, filtered as the address says. */
import { useEffect, useRef } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import { useLive } from '../context.ts'
import type { Part } from '../list.ts'
import { executionPath, jobPath, runnerPath } from '../paths.ts'
import { secondsBetween } from '../texts.ts'
import { useNow } from '../ui/now.ts'
import { Duration, Empty, Loaded, State, Time } from '../ui/show.tsx'
import { type Column, Table } from '../ui/table.tsx'
import { Title } from '../ui/title.tsx'
import { ExecutionFilters } from './execution-filters.tsx'
import { asked, filtersOf } from './filters.ts'
import { isOver } from './spans.ts'

const fields = [
  ...['job_name', 'namespace', 'attempt', 'image', 'state', 'created_at', 'started_at', 'finished_at'],
  ...['node_name', 'runner_id', 'exit_code', 'reason', 'waiting_because', 'usual_seconds'],
].join(',')

export function Executions() {
  const { query, path } = useLocation()
  const filters = filtersOf(query)
  const shown = useLive<Part<ListedExecution>>(
    `/v1/executions?limit=100&fields=${fields}&${asked(filters)}`,
    {
      topics: ['execution'],
    },
  )
  const items = shown.data?.items ?? []
  const now = useNow(!items.every(isOver))
  const place = (after: string | undefined) =>
    `${path}?${new URLSearchParams({ ...filters, ...(after ? { after } : {}) })}`
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
      <ExecutionFilters key={JSON.stringify(others)} filters={others} />
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
              {next !== null && <a href={place(next)}>Older</a>}
            </nav>
          </>
        )}
      </Loaded>
    </div>
  )
}

function NoExecution({ isFiltered, hasMore }: { isFiltered: boolean; hasMore: boolean }) {
  if (hasMore)
    return (
      <Empty>
        <p>None of the executions that were looked at fits. Older ones may.</p>
      </Empty>
    )
  if (isFiltered)
    return (
      <Empty>
        <p>
          No execution fits. <a href="/executions">Show all executions.</a>
        </p>
      </Empty>
    )
  return (
    <Empty>
      <p>Nothing has run yet.</p>
      <p>
        <code>runner submit --image busybox --wait -- echo hello</code> runs a first job.
      </p>
    </Empty>
  )
}

const columnsAt = (now: number): readonly Column<ListedExecution>[] => [
  {
    title: 'State',
    show: ({ state, reason, exit_code }) => (
      <>
        <State of={state} />
        {state === 'failed' && <div class="hint">{reason ?? `status ${exit_code}`}</div>}
      </>
    ),
  },
  {
    title: 'Execution',
    show: item => (
      <>
        <a href={executionPath(item)}>{item.id.slice(0, 13)}</a>
        {item.attempt > 1 && <span class="hint"> attempt {item.attempt}</span>}
        {item.waiting_because !== null && <div class="hint">{item.waiting_because}</div>}
      </>
    ),
  },
  {
    title: 'Job',
    show: ({ job_name, image, namespace }) => (
      <>
        {job_name === null ? image : <a href={jobPath({ name: job_name, namespace })}>{job_name}</a>}
        {namespace !== undefined && namespace !== 'default' && <div class="hint">in {namespace}</div>}
      </>
    ),
  },
  {
    title: 'Runner',
    show: ({ runner_id, node_name }) =>
      runner_id === null ? (node_name ?? '–') : <a href={runnerPath(runner_id)}>{node_name}</a>,
  },
  { title: 'Created', show: ({ created_at }) => <Time at={created_at} /> },
  {
    title: 'Took',
    show: ({ started_at: from, finished_at }) => (
      <Duration seconds={from === null ? null : secondsBetween(from, finished_at, now)} />
    ),
  },
]
