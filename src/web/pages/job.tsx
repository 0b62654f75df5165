/* One job: how its runs have ended, when it runs next, and its definition. */
import { useMemo } from 'preact/hooks'
import { useLocation, useRoute } from 'preact-iso/router'
import type { ShownJob } from '../../protocol/messages/jobs.ts'
import type { NextTimes } from '../../protocol/messages/schedules.ts'
import type { JobStats, JobSummary } from '../../protocol/messages/stats.ts'
import { type Part, useCall, useLive, usePage } from '../context.ts'
import { jobCall, type Named, shareText } from '../jobs.ts'
import { mayOperate } from '../session.ts'
import { durationText } from '../texts.ts'
import { Chart } from '../ui/chart.tsx'
import type { ChartData } from '../ui/chart-canvas.ts'
import { Button, ConfirmButton } from '../ui/form.tsx'
import { WhyNot } from '../ui/links.tsx'
import { Outcomes } from '../ui/outcomes.tsx'
import { Duration, Facts, Loaded, Onward, Page, Section, Time } from '../ui/show.tsx'
import { Definition, Editor } from './job-definition.tsx'
import { RunNow } from './jobs.tsx'

const topics = ['job', 'schedule'] as const
const ofRuns = [...topics, 'execution'] as const
const pause = { pause: 3000 }

export function Job() {
  const { name = '' } = useRoute().params
  const { namespace = 'default' } = useLocation().query
  const named = { name, namespace }
  const { session } = usePage()
  const definition = useLive<ShownJob>(jobCall(named), topics)
  return (
    <Page title={`Job ${name}`}>
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
      {definition.error?.status === 404 && mayOperate(session) && (
        <Section title="Define it" class="definition">
          <Editor named={named} text={template} onEnd={definition.refresh} />
        </Section>
      )}
    </Page>
  )
}

const template = JSON.stringify({ image: 'busybox', command: ['echo', 'hello'] }, null, 2)

function State({ named }: { named: Named }) {
  const { name, namespace } = named
  const query = new URLSearchParams({ job: name, namespace })
  const all = `/executions?${new URLSearchParams({ job_name: name, namespace })}`
  const summary = useLive<Part<JobSummary>>(`/v1/stats/jobs?${query}`, ofRuns, pause)
  const stats = useLive<JobStats>(jobCall(named, '/stats'), ofRuns, pause)
  const job = summary.data?.items[0]
  return (
    <>
      {job !== undefined && <Actions job={job} refresh={summary.refresh} />}
      <Loaded of={stats}>
        {stats => (
          <>
            <Facts of={factsOf(stats, job)} />
            <h2>Latest runs</h2>
            <Outcomes of={stats} />
            <Durations stats={stats} />
            <Onward to={all}>All executions of this job</Onward>
          </>
        )}
      </Loaded>
    </>
  )
}

function Actions({ job, refresh }: { job: JobSummary; refresh: () => void }) {
  const { session } = usePage()
  const call = useCall()
  const { route } = useLocation()
  if (!mayOperate(session)) return null
  const { name, schedule } = job
  const word = typeof schedule?.paused_at === 'string' ? 'resume' : 'pause'
  const set = (word: 'pause' | 'resume') =>
    call('POST', jobCall(job, `/schedule/${word}`), `The schedule of ${name} is ${word}d.`).finally(refresh)
  const remove = async () => {
    if (await call('DELETE', jobCall(job), `Job ${name} is deleted.`)) route('/jobs')
  }
  return (
    <div class="buttons">
      <RunNow job={job} />
      {schedule && <Button does={() => set(word)}>{word === 'pause' ? 'Pause' : 'Resume'} schedule</Button>}
      <ConfirmButton
        label="Delete"
        danger
        question={`The definition of ${name} and its schedule will be gone. Its executions stay.`}
        does={remove}
      />
    </div>
  )
}

function factsOf({ runs, success_rate, p50_seconds, p95_seconds }: JobStats, job: JobSummary | undefined) {
  const schedule = job?.schedule
  return {
    Succeeded: runs === 0 ? 'no run has ended' : `${shareText(success_rate)} of the last ${runs} runs`,
    'Usually takes': (
      <>
        <Duration seconds={p50_seconds} />; 95 of 100 runs at most <Duration seconds={p95_seconds} />
      </>
    ),
    Schedule: (
      <>
        {schedule?.text ?? 'runs when asked for'}
        {schedule && <WhyNot of={schedule} />}
      </>
    ),
    'Paused since': schedule?.paused_at && <Time at={schedule.paused_at} />,
    'Next run': <Time at={schedule?.scheduled_for} />,
    'Runner group': job?.runner_group ?? '',
    'Running or waiting': job?.active ?? '',
  }
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
    <Section title="How long they took">
      <Chart label="How long the latest runs took; the list of latest runs has the numbers." data={data} />
    </Section>
  )
}

function NextRuns({ named }: { named: Named }) {
  const times = useLive<NextTimes>(jobCall(named, '/schedule'), topics)
  return (
    <Section title="Next times">
      <Loaded of={times}>
        {({ items }) =>
          items.length === 0 ? (
            <p class="hint">No time comes.</p>
          ) : (
            <ol>
              {items.map(({ scheduled_for, notes }) => (
                <li key={scheduled_for}>
                  <Time at={scheduled_for} />
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
    </Section>
  )
}
