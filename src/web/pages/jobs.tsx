/* All jobs, with how their latest runs have ended and when they run next. */
import { useLocation } from 'preact-iso/router'
import type { JobSummary } from '../../protocol/messages/stats.ts'
import { useCall, useList, usePage } from '../context.ts'
import { jobCall, shareText } from '../jobs.ts'
import { jobPath } from '../paths.ts'
import { valuesOf } from '../query.ts'
import { mayOperate, mayRead } from '../session.ts'
import { Button, ConfirmButton, Field, Filters } from '../ui/form.tsx'
import { type Columns, Empty, ItemTable } from '../ui/items.tsx'
import { JobLink, WhyNot, whenText } from '../ui/links.tsx'
import { OutcomeStrip } from '../ui/outcomes.tsx'
import { Duration, Noted, Page, Time } from '../ui/show.tsx'
import { RunJob } from './run-job.tsx'

/** Between two reads, in ms: the server reads 60 executions of each job. */
const pause = 5000

export function Jobs() {
  return mayRead(usePage().session) ? <AllJobs /> : <RunJob />
}

function AllJobs() {
  const { query: filters, route } = useLocation()
  const asked = valuesOf(filters, ['text', 'namespace'])
  const query = new URLSearchParams({ limit: '50', ...asked })
  const keyOf = ({ name, namespace }: JobSummary) => `${namespace}/${name}`
  const jobs = useList<JobSummary>(`/v1/stats/jobs?${query}`, keyOf, ['job', 'schedule', 'execution'], pause)
  const noJobs = (
    <Empty
      text="No job is defined yet."
      command="runner job put hello --image busybox --every 1h -- echo hello"
      does="defines one that runs each hour."
    />
  )
  // Its definition is written in the place of a job that is not there yet.
  const define = (
    <ConfirmButton
      label="Define a job"
      question="The next step is its definition."
      field={{ label: 'Name', name: 'name', required: true, pattern: '[A-Za-z0-9._\\-]+', maxLength: 128 }}
      does={async fields => route(jobPath({ name: String(fields.get('name')), namespace: asked.namespace }))}
    />
  )
  return (
    <Page title="Jobs" beside={define}>
      <Filters>
        <Field label="Name contains" name="text" type="search" defaultValue={asked.text} maxLength={128} />
        <Field label="Namespace" name="namespace" defaultValue={asked.namespace} placeholder="all" />
      </Filters>
      <ItemTable
        of={jobs}
        empty={Object.keys(asked).length > 0 ? 'No job fits.' : noJobs}
        names="Job"
        columns={columns}
      />
    </Page>
  )
}

const columns: Columns<JobSummary> = {
  Job: ({ name, namespace, image, problem }) => (
    <>
      <Noted of={<JobLink name={name} namespace={namespace} />} by={image} />
      {problem !== undefined && <div class="wrong">{problem}</div>}
    </>
  ),
  'Latest runs': job => (
    <Noted of={<OutcomeStrip of={job} />} by={job.active > 0 && `${job.active} running or waiting`} />
  ),
  Succeeded: ({ success_rate }) => <span class="number">{shareText(success_rate)}</span>,
  'Usually takes': ({ p50_seconds }) => <Duration seconds={p50_seconds} />,
  'Next run': ({ schedule }) =>
    schedule === null ? (
      <span class="hint">when asked for</span>
    ) : (
      <>
        <Noted of={<Time at={schedule.scheduled_for} />} by={whenText(schedule)} />
        <WhyNot of={schedule} />
      </>
    ),
  Actions: job => <RunNow job={job} />,
}

/** Runs a job now; a viewer has no such button. */
export function RunNow({ job }: { job: { name: string; namespace: string } }) {
  const { session } = usePage()
  const call = useCall()
  if (!mayOperate(session)) return null
  const run = () => call('POST', jobCall(job, '/run'), `A run of ${job.name} is queued.`)
  return (
    <Button does={run} aria-label={`Run now: ${job.name}`}>
      Run now
    </Button>
  )
}
