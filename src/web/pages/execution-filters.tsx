/* The form of the filters of executions. */
import { useLocation } from 'preact-iso/router'
import { useLive } from '../context.ts'
import type { Part } from '../list.ts'
import { type Filters, filtersOf, statesIn } from './filters.ts'

const states = [
  'queued',
  'reserved',
  'running',
  'aborting',
  'succeeded',
  'failed',
  'aborted',
  'lost',
  'withdrawn',
]

interface Named {
  id: string
  name: string
}

export function ExecutionFilters({ filters }: { filters: Filters }) {
  const { route, path } = useLocation()
  const runners = useLive<Part<Named>>('/v1/runners?limit=1000', { topics: ['runner'], fits: () => false })
  const apply = (event: Event) => {
    event.preventDefault()
    const form = new FormData(event.currentTarget as HTMLFormElement)
    const wanted = new URLSearchParams()
    for (const [name, value] of form) if (name !== 'state') wanted.set(name, String(value))
    wanted.set('state', form.getAll('state').join(','))
    route(`${path}?${new URLSearchParams(filtersOf(Object.fromEntries(wanted)))}`)
  }
  const chosen = statesIn(filters)
  return (
    <form class="filters" onSubmit={apply}>
      <fieldset class="states">
        <legend>State</legend>
        {states.map(state => (
          <label key={state}>
            <input type="checkbox" name="state" value={state} defaultChecked={chosen.includes(state)} />{' '}
            {state}
          </label>
        ))}
      </fieldset>
      <label>
        Text in job, image, runner or reason
        <input name="text" type="search" maxLength={256} defaultValue={filters.text ?? ''} />
      </label>
      <label>
        Job <input name="job_name" defaultValue={filters.job_name ?? ''} />
      </label>
      <label>
        Runner
        <select name="runner_id">
          <option value="">all</option>
          {runners.data?.items.map(({ id, name }) => (
            <option key={id} value={id} selected={id === filters.runner_id}>
              {name}
            </option>
          ))}
        </select>
      </label>
      <label>
        Runner group <input name="runner_group" defaultValue={filters.runner_group ?? ''} />
      </label>
      {filters.namespace !== undefined && <input type="hidden" name="namespace" value={filters.namespace} />}
      <label>
        From <input name="since" type="datetime-local" defaultValue={filters.since ?? ''} />
      </label>
      <label>
        Before <input name="until" type="datetime-local" defaultValue={filters.until ?? ''} />
      </label>
      <button type="submit">Filter</button>
      {Object.keys(filters).length > 0 && <a href={path}>Clear</a>}
    </form>
  )
}
