/* Jobs for a submitter, which may run the jobs whose names it knows, and read none. */
import { useLocation, useRoute } from 'preact-iso/router'
import type { Execution } from '../../protocol/messages/executions.ts'
import { usePage } from '../context.ts'
import { jobCall } from '../jobs.ts'
import { executionPath } from '../paths.ts'
import { Field, Form } from '../ui/form.tsx'
import { Onward, Page } from '../ui/show.tsx'

export function RunJob() {
  const { name = '' } = useRoute().params
  const { route, query } = useLocation()
  const { server, notices, session } = usePage()
  const [only] = session.namespaces ?? []
  const run = async (fields: FormData) => {
    const text = (field: string) => String(fields.get(field)).trim()
    const job = { name: text('name'), namespace: text('namespace') }
    route(executionPath(await server.json<Execution>('POST', jobCall(job, '/run'))))
  }
  return (
    <Page title="Run a job">
      <p>
        A token of a submitter runs jobs, and sees the executions that it has asked for. It sees no list of
        jobs and no definitions.
      </p>
      <Form class="filters" onSend={fields => notices.of(run(fields), 'It runs: this is its execution.')}>
        <Field label="Name of the job" name="name" required maxLength={128} defaultValue={name} />
        <Field
          label="Namespace"
          name="namespace"
          required
          defaultValue={query.namespace ?? only ?? 'default'}
        />
        <button type="submit">Run now</button>
      </Form>
      {name !== '' && (
        <Onward to={`/executions?${new URLSearchParams({ job_name: name })}`}>Its executions</Onward>
      )}
    </Page>
  )
}
