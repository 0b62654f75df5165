/* One job: how its runs have ended, when it runs next, and its definition. */
import { useMemo } from 'preact/hooks'
import { useLocation, useRoute } from 'preact-iso/router'
import type { ShownJob } from '../../protocol/messages/jobs.ts'
import type { NextTimes } from '../../protocol/messages/schedules.ts'
import type { JobStats, JobSummary } from '../../protocol/messages/stats.ts'
import { useLive, usePage } from '../context.ts'
import { jobCall, shareText } from '../jobs.ts'
import type { Part } from '../list.ts'
import { usePaced } from '../live/pace.ts'
import { mayOperate } from '../session.ts'
import { durationText } from '../texts.ts'
import { Chart } from '../ui/chart.tsx'
import type { ChartData } from '../ui/chart-data.ts'
import { ConfirmButton } from '../ui/confirm.tsx'
import { Outcomes } from '../ui/outcomes.tsx'
import { Loaded, Time } from '../ui/show.tsx'
import { Title } from '../ui/title.tsx'
import { Definition } from './job-definition.tsx'
import { RunNow } from './jobs.tsx'

/** Between two reads for the sake of executions, in ms. */
const pause = 3000
const topics = { topics: ['job', 'schedule'] } as const

export function Job() {
  const { name = '' } = useRoute().params
  const { namespace = 'default' } = useLocation().query
  const named = { name, namespace }
  const definition = useLive<ShownJob>(jobCall(named), topics)
  return (
    <>
      <Title text={`Job ${name}`} />
      {namespace !== 'default' && <p class="hint">In namespace {namespace}.</p>}
      <Loaded of={definition}>
        {job => (
          <>
            <State named={named} />
            {job.schedule && <NextRuns named={named} />}
            <Definition named={named} job={job} refresh={definition.refresh} />
          </>
        )}
      </Loaded>
    </>
  )
}

interface Named {
  name: string
  namespace: string
}

function State({ named }: { named: Named }) {
  const { name, namespace } = named
  const query = new URLSearchParams({ job: name, namespace })
  const summary = useLive<Part<JobSummary>>(`/v1/stats/jobs?${query}`, topics)
  const stats = useLive<JobStats>(jobCall(named, '/stats'), topics)
  usePaced(['execution'], pause, stats.refresh)
  const job = summary.data?.items[0]
  return (
    <>
      {job !== undefined && <Actions job={job} refresh={summary.refresh} />}
      <Loaded of={stats}>
        {stats => (
          <>
            <Facts stats={stats} job={job} />
            <h2>Latest runs</h2>
            <Outcomes of={stats} />
            <Durations stats={stats} />
            <p>
              <a href={`/executions?${new URLSearchParams({ job_name: name, namespace })}`}>
                All executions of this job
              </a>
            </p>
          </>
        )}
      </Loaded>
    </>
  )
}

function Actions({ job, refresh }: { job: JobSummary; refresh: () => void }) {
  const { server, notices, session } = usePage()
  const { route } = useLocation()
  if (!mayOperate(session)) return null
  const { name, schedule } = job
  const isPaused = typeof schedule?.paused_at === 'string'
  const pauseOrResume = async () => {
    const call = jobCall(job, `/schedule/${isPaused ? 'resume' : 'pause'}`)
    await notices.of(
      server.json('POST', call),
      `The schedule of ${name} is ${isPaused ? 'resumed' : 'paused'}.`,
    )
    refresh()
  }
  const remove = async () => {
    if (await notices.of(server.json('DELETE', jobCall(job)), `Job ${name} is deleted.`)) route('/jobs')
  }
  return (
    <div class="buttons">
      <RunNow job={job} />
      {schedule !== null && (
        <button type="button" class="quiet" onClick={() => void pauseOrResume()}>
          {isPaused ? 'Resume schedule' : 'Pause schedule'}
        </button>
      )}
      <ConfirmButton
        label="Delete"
        danger
        question={`The definition of ${name} and its schedule will be gone. Its executions stay.`}
        onConfirm={remove}
      />
    </div>
  )
}

function Facts({ stats, job }: { stats: JobStats; job: JobSummary | undefined }) {
  const { runs, success_rate, p50_seconds, p95_seconds } = stats
  const schedule = job?.schedule
  const seconds = (value: number | null) => (value === null ? '–' : durationText(value))
  return (
    <>
      {schedule?.problem !== undefined && <p class="problem">{schedule.problem}</p>}
      {typeof schedule?.paused_at === 'string' && (
        <p class="warned">
          ❚❚ Its schedule is paused since <Time at={schedule.paused_at} />.
        </p>
      )}
      {schedule?.enabled === false && <p class="warned">Its schedule is not enabled.</p>}
      <dl class="facts">
        <div>
          <dt>Succeeded</dt>
          <dd>{runs === 0 ? 'no run has ended' : `${shareText(success_rate)} of the last ${runs} runs`}</dd>
        </div>
        <div>
          <dt>Usually takes</dt>
          <dd>
            {seconds(p50_seconds)}; 95 of 100 runs at most {seconds(p95_seconds)}
          </dd>
        </div>
        <div>
          <dt>Schedule</dt>
          <dd>{schedule?.text ?? 'runs when asked for'}</dd>
        </div>
        <div>
          <dt>Next run</dt>
          <dd>
            <Time at={schedule?.scheduled_for} />
          </dd>
        </div>
        <div>
          <dt>Runner group</dt>
          <dd>{job?.runner_group ?? '–'}</dd>
        </div>
        <div>
          <dt>Not ended</dt>
          <dd>{job?.active ?? '–'}</dd>
        </div>
      </dl>
    </>
  )
}

function Durations({ stats: { last } }: { stats: JobStats }) {
  const data = useMemo((): ChartData => {
    const runs = last.filter(run => run.seconds !== null && run.finished_at !== null).toReversed()
    const values = (isGood: boolean) =>
      runs.map(({ state, seconds }) => ((state === 'succeeded') === isGood ? seconds : null))
    return {
      times: runs.map(({ finished_at }) => Date.parse(finished_at!) / 1000),
      text: durationText,
      series: [
        { label: 'succeeded (filled)', kind: 'good', points: true, values: values(true) },
        { label: 'ended otherwise (ring)', kind: 'bad', points: true, values: values(false) },
      ],
    }
  }, [last])
  if (data.times.length < 2) return null
  return (
    <>
      <h2>How long they took</h2>
      <Chart label="How long the latest runs took; the list of latest runs has the numbers." data={data} />
    </>
  )
}

function NextRuns({ named }: { named: Named }) {
  const times = useLive<NextTimes>(jobCall(named, '/schedule'), topics)
  return (
    <section>
      <h2>Next times</h2>
      <Loaded of={times}>
        {({ items }) =>
          items.length === 0 ? (
            <p class="hint">No time comes.</p>
          ) : (
            <ol>
              {items.map(({ scheduled_for, local, notes }) => (
                <li key={scheduled_for}>
                  <Time at={scheduled_for} /> <span class="hint">{local}</span>
                  {notes.map(note => (
                    <div key={note} class="warned">
                      {note}
                    </div>
                  ))}
                </li>
              ))}
            </ol>
          )
        }
      </Loaded>
    </section>
  )
}
