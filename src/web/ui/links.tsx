/* The names of jobs, of their schedules and of runners, the same in all parts of the page. */
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import type { ScheduleView } from '../../protocol/messages/schedules.ts'
import { usePage } from '../context.ts'
import { jobPath, runnerPath } from '../paths.ts'
import { mayRead } from '../session.ts'
import { Empty } from './items.tsx'

/** The namespace of a thing, where it is not the default one. */
export function InNamespace({ of }: { of: string | undefined }) {
  return of === undefined || of === 'default' ? null : <span class="hint"> in {of}</span>
}

interface Job {
  name: string | null
  namespace: string | undefined
  /** Shown for an execution that was submitted without a job. */
  image?: string
}

export function JobLink({ name, namespace, image }: Job) {
  return (
    <>
      {name === null ? image : <a href={jobPath({ name, namespace })}>{name}</a>}
      <InNamespace of={namespace} />
    </>
  )
}

/** The runner that has or had an execution. */
export function RunnerLink({ of: { runner_id: id, node_name } }: { of: ListedExecution }) {
  const { session } = usePage()
  if (id === null || !mayRead(session)) return node_name ?? '–'
  return <a href={runnerPath(id)}>{node_name ?? id}</a>
}

export const scheduleKey = ({ job, namespace }: ScheduleView): string => `${namespace}/${job}`

/** The reason why a schedule does not fire, if there is one. */
export function WhyNot({ of: { paused_at, enabled, problem } }: { of: ScheduleView }) {
  return (
    <>
      {paused_at !== null && <span class="warned"> ❚❚ paused</span>}
      {!enabled && <span class="warned"> not enabled</span>}
      {problem !== undefined && <span class="wrong"> {problem}</span>}
    </>
  )
}

/** When a job runs by itself; of a single time only that: lists show the time itself. */
export const whenText = ({ text }: ScheduleView): string => (text.startsWith('at ') ? 'once' : text)

/** A job, and when it runs by itself. */
export function Scheduled({ of }: { of: ScheduleView }) {
  return (
    <>
      <JobLink name={of.job} namespace={of.namespace} /> <span class="hint">{whenText(of)}</span>
      <WhyNot of={of} />
    </>
  )
}

export function NoSchedule({ text }: { text: string }) {
  const command = "runner job put NAME --image IMAGE --cron '30 2 * * *'"
  return <Empty text={text} command={command} does="runs one each night." />
}
