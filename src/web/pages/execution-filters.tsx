/* The form of the filters of executions. */
import { useLive, usePage } from '../context.ts'
import type { Part } from '../list.ts'
import { mayRead } from '../session.ts'
import { Choice, Field, Filters } from '../ui/form.tsx'
import { states } from '../ui/show.tsx'

interface Named {
  id: string
  name: string
}

export function ExecutionFilters({ filters }: { filters: Record<string, string> }) {
  const { session } = usePage()
  const chosen = filters.state?.split(',') ?? []
  return (
    <Filters>
      <fieldset class="states">
        <legend>State</legend>
        {states.map(state => (
          <label key={state}>
            <input type="checkbox" name="state" value={state} defaultChecked={chosen.includes(state)} />{' '}
            {state}
          </label>
        ))}
      </fieldset>
      <Field
        label="Text in job, image, runner or reason"
        name="text"
        type="search"
        maxLength={256}
        defaultValue={filters.text}
      />
      <Field label="Job" name="job_name" defaultValue={filters.job_name} />
      {mayRead(session) && <RunnerChoice chosen={filters.runner_id} />}
      <Field label="Runner group" name="runner_group" defaultValue={filters.runner_group} />
      {filters.namespace !== undefined && <input type="hidden" name="namespace" value={filters.namespace} />}
      <Field label="From" name="since" type="datetime-local" defaultValue={filters.since} />
      <Field label="Before" name="until" type="datetime-local" defaultValue={filters.until} />
    </Filters>
  )
}

function RunnerChoice({ chosen }: { chosen: string | undefined }) {
  const runners = useLive<Part<Named>>('/v1/runners?limit=1000', [])
  const names = runners.data?.items.map(({ id, name }): [string, string] => [id, name]) ?? []
  return <Choice label="Runner" name="runner_id" of={[['', 'all'], ...names]} chosen={chosen} />
}
