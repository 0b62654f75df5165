/* All jobs, with how their latest runs have ended and when they run next. */
import { useLocation } from 'preact-iso/router'
import type { JobSummary } from '../../protocol/messages/stats.ts'
import { usePage } from '../context.ts'
import { jobCall, shareText } from '../jobs.ts'
import { useList } from '../list.ts'
import { usePaced } from '../live/pace.ts'
import { jobPath } from '../paths.ts'
import { mayOperate } from '../session.ts'
import { More } from '../ui/confirm.tsx'
import { Outcomes } from '../ui/outcomes.tsx'
import { Duration, Empty, Loaded, Time } from '../ui/show.tsx'
import { Title } from '../ui/title.tsx'

/** Between two reads for the sake of executions, in ms: each reads 60 executions of each job. */
const pause = 10_000

export function Jobs() {
  const { query } = useLocation()
  const { text = '', namespace = '' } = query
  const asked = new URLSearchParams({ limit: '50', ...(text && { text }), ...(namespace && { namespace }) })
  const jobs = useList<JobSummary>(
    `/v1/stats/jobs?${asked}`,
    ({ name, namespace }) => `${namespace}/${name}`,
    { topics: ['job', 'schedule'] },
  )
  usePaced(['execution'], pause, jobs.refresh)
  return (
    <>
      <Title text="Jobs" />
      <Search text={text} namespace={namespace} />
      <Loaded of={jobs}>
        {all =>
          all.length === 0 ? (
            <Empty>{text || namespace ? <p>No job fits.</p> : <NoJobs />}</Empty>
          ) : (
            <>
              <div class="table">
                <table>
                  <thead>
                    <tr>
                      <th scope="col">Job</th>
                      <th scope="col">Latest runs</th>
                      <th scope="col">Succeeded</th>
                      <th scope="col">Usually takes</th>
                      <th scope="col">Next run</th>
                      <th scope="col">
                        <span class="unseen">Actions</span>
                      </th>
                    </tr>
                  </thead>
                  <tbody>
                    {all.map(job => (
                      <Row key={`${job.namespace}/${job.name}`} job={job} />
                    ))}
                  </tbody>
                </table>
              </div>
              <More more={jobs.more} />
            </>
          )
        }
      </Loaded>
    </>
  )
}

function NoJobs() {
  return (
    <>
      <p>No job is defined yet.</p>
      <p>
        <code>runner job put hello --image busybox --every 1h -- echo hello</code> defines one that runs each
        hour.
      </p>
    </>
  )
}

function Search({ text, namespace }: { text: string; namespace: string }) {
  const { route } = useLocation()
  const search = (event: SubmitEvent) => {
    event.preventDefault()
    const fields = [...new FormData(event.currentTarget as HTMLFormElement)]
    const given = fields.filter(([, value]) => value !== '').map(([name, value]) => [name, String(value)])
    route(given.length === 0 ? '/jobs' : `/jobs?${new URLSearchParams(given)}`)
  }
  return (
    <search>
      <form class="filters" onSubmit={search}>
        <label>
          Name contains
          <input name="text" type="search" defaultValue={text} maxLength={128} />
        </label>
        <label>
          Namespace
          <input name="namespace" defaultValue={namespace} placeholder="all" />
        </label>
        <button type="submit" class="quiet">
          Search
        </button>
      </form>
    </search>
  )
}

function Row({ job }: { job: JobSummary }) {
  const { name, namespace, image, schedule, success_rate, p50_seconds, active, problem } = job
  return (
    <tr>
      <th scope="row">
        <a href={jobPath(job)}>{name}</a>
        {namespace !== 'default' && <div class="hint">in {namespace}</div>}
        <div class="hint">{image}</div>
        {problem !== undefined && <div class="wrong">{problem}</div>}
      </th>
      <td>
        <Outcomes of={job} />
        {active > 0 && <div class="hint">{active} not ended</div>}
      </td>
      <td class="number">{shareText(success_rate)}</td>
      <td>
        <Duration seconds={p50_seconds} />
      </td>
      <td>
        {schedule === null ? <span class="hint">when asked for</span> : <Time at={schedule.scheduled_for} />}
        {schedule !== null && <div class="hint">{schedule.text}</div>}
        {typeof schedule?.paused_at === 'string' && <div class="warned">❚❚ paused</div>}
        {schedule?.enabled === false && <div class="warned">not enabled</div>}
        {schedule?.problem !== undefined && <div class="wrong">{schedule.problem}</div>}
      </td>
      <td>
        <RunNow job={job} />
      </td>
    </tr>
  )
}

/** Runs a job now; a viewer has no such button. */
export function RunNow({ job }: { job: { name: string; namespace: string } }) {
  const { server, notices, session } = usePage()
  if (!mayOperate(session)) return null
  const run = () => notices.of(server.json('POST', jobCall(job, '/run')), `A run of ${job.name} is queued.`)
  return (
    <button type="button" class="quiet" onClick={() => void run()} aria-label={`Run now: ${job.name}`}>
      Run now
    </button>
  )
}
