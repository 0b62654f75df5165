/* What all parts of the page show of schedules in one way. */
import type { ScheduleView } from '../../protocol/messages/schedules.ts'
import { Empty } from './items.tsx'
import { JobLink } from './links.tsx'

/** What keeps a schedule from firing, if anything does. */
export function WhyNot({ of: { paused_at, enabled, problem } }: { of: ScheduleView }) {
  return (
    <>
      {paused_at !== null && <span class="warned"> ❚❚ paused</span>}
      {!enabled && <span class="warned"> not enabled</span>}
      {problem !== undefined && <span class="wrong"> {problem}</span>}
    </>
  )
}

/** A job, and when it runs by itself. */
export function Scheduled({ of }: { of: ScheduleView }) {
  return (
    <span>
      <JobLink name={of.job} namespace={of.namespace} /> <span class="hint">{of.text}</span>
      <WhyNot of={of} />
    </span>
  )
}

export function NoSchedule({ text }: { text: string }) {
  const command = "runner job put NAME --image IMAGE --cron '30 2 * * *'"
  return <Empty text={text} command={command} does="runs one each night." />
}
