/* All jobs, with how their latest runs have ended and when they run next. */
import { useLocation } from 'preact-iso/router'
import type { JobSummary } from '../../protocol/messages/stats.ts'
import { useCall, useList, usePage } from '../context.ts'
import { jobCall, shareText } from '../jobs.ts'
import { valuesOf } from '../query.ts'
import { mayOperate, mayRead } from '../session.ts'
import { Button, Field, Filters } from '../ui/form.tsx'
import { type Columns, Empty, ItemTable } from '../ui/items.tsx'
import { JobLink, WhyNot } from '../ui/links.tsx'
import { Outcomes } from '../ui/outcomes.tsx'
import { Duration, Page, Time } from '../ui/show.tsx'
import { RunJob } from './run-job.tsx'

/** Between two reads, in ms: the server reads 60 executions of each job. */
const pause = 5000

export function Jobs() {
  return mayRead(usePage().session) ? <AllJobs /> : <RunJob />
}

function AllJobs() {
  const asked = valuesOf(useLocation().query, ['text', 'namespace'])
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
  return (
    <Page title="Jobs">
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
      <JobLink name={name} namespace={namespace} />
      <div class="hint">{image}</div>
      {problem !== undefined && <div class="wrong">{problem}</div>}
    </>
  ),
  'Latest runs': job => (
    <>
      <Outcomes of={job} />
      {job.active > 0 && <div class="hint">{job.active} not ended</div>}
    </>
  ),
  Succeeded: ({ success_rate }) => <span class="number">{shareText(success_rate)}</span>,
  'Usually takes': ({ p50_seconds }) => <Duration seconds={p50_seconds} />,
  'Next run': ({ schedule }) =>
    schedule === null ? (
      <span class="hint">when asked for</span>
    ) : (
      <>
        <Time at={schedule.scheduled_for} />
        <div class="hint">{schedule.text}</div>
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
