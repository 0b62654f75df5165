/* The runs of the next 7 days, and the times that schedules did not fire. */
import { useLocation } from 'preact-iso/router'
import type { Missed, ScheduleView } from '../../protocol/messages/schedules.ts'
import { useCall, useList } from '../context.ts'
import { type Calendar, type CalendarStart, calendarOf, missedTexts } from '../jobs.ts'
import { minute } from '../live/now.ts'
import { ConfirmButton } from '../ui/form.tsx'
import { type Columns, Items, ItemTable, Row, Table } from '../ui/items.tsx'
import { JobLink, NoSchedule, Scheduled, scheduleKey, WhyNot } from '../ui/links.tsx'
import { Page, Section, Time } from '../ui/show.tsx'

/** Jobs that start more often than this in 7 days are listed apart, since they would fill the calendar. */
const mostTimes = 50

export function Schedule() {
  const { namespace } = useLocation().query
  const narrowed = namespace === undefined ? '' : `&namespace=${encodeURIComponent(namespace)}`
  const path = `/v1/schedules?limit=200&times=${mostTimes}${narrowed}`
  const schedules = useList<ScheduleView>(path, scheduleKey, ['schedule', 'job'])
  const missed = useList<Missed>(`/v1/missed?limit=50${narrowed}`, ({ id }) => id, ['schedule'])
  return (
    <Page title="Schedule">
      {namespace !== undefined && <p class="hint">Only of namespace {namespace}.</p>}
      <Items of={schedules} empty={<NoSchedule text="No job has a schedule." />}>
        {all => (
          <>
            <Pause schedules={all} namespace={namespace} refresh={schedules.refresh} />
            <Week schedules={all} />
            <Often schedules={all} />
          </>
        )}
      </Items>
      <Section title="Not fired">
        <ItemTable
          of={missed}
          empty="Every time of every schedule was fired."
          names="Job"
          columns={columns}
        />
      </Section>
    </Page>
  )
}

type Paused = { schedules: readonly ScheduleView[]; namespace: string | undefined; refresh(): void }

function Pause({ schedules, namespace, refresh }: Paused) {
  const call = useCall()
  const paused = schedules.filter(({ paused_at }) => paused_at !== null).length
  const whose = namespace === undefined ? 'all schedules' : `all schedules of namespace ${namespace}`
  const query = namespace === undefined ? '' : `?namespace=${encodeURIComponent(namespace)}`
  const set = (word: 'pause' | 'resume', done: string) =>
    call('POST', `/v1/schedules/${word}${query}`, done).finally(refresh)
  return (
    <>
      {paused > 0 && (
        <p class="warned">
          ❚❚ {paused} of {schedules.length} schedules are paused: they fire nothing until they are resumed.
        </p>
      )}
      <div class="buttons">
        {paused < schedules.length && (
          <ConfirmButton
            label="Pause all"
            question={`Nothing of ${whose} fires until they are resumed. Running jobs continue.`}
            does={() => set('pause', `Paused ${whose}.`)}
          />
        )}
        {paused > 0 && (
          <ConfirmButton
            label="Resume all"
            question="Schedules fire again. Each catches up the times that it has missed, by its own rule."
            does={() => set('resume', `Resumed ${whose}, but for those that were paused one by one.`)}
          />
        )}
      </div>
    </>
  )
}

const two = (value: number) => String(value).padStart(2, '0')
const dayText = (day: Date) =>
  day.toLocaleDateString('en-GB', { weekday: 'short' }) +
  ` ${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`

function Week({ schedules }: { schedules: readonly ScheduleView[] }) {
  const { days, hours } = calendarOf(schedules, new Date(minute.value))
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  const columns: Columns<Calendar['hours'][number]> = {
    Hour: ({ hour }) => `${two(hour)}:00`,
    ...Object.fromEntries(
      days.map((day, index) => [dayText(day), ({ starts }) => <Starts of={starts[index] ?? []} />]),
    ),
  }
  return (
    <Section title="The next 7 days">
      {hours.length === 0 ? (
        <p class="hint">Nothing starts at times of the day that the calendar shows.</p>
      ) : (
        <div class="calendar">
          <p class="hint">In {zone}. Hours in which nothing starts are left out.</p>
          <Table of={hours} keyOf={({ hour }) => hour} names="Hour" columns={columns} />
        </div>
      )}
    </Section>
  )
}

/** Jobs that a cell of the calendar names. */
const mostInCell = 4

function Starts({ of }: { of: readonly CalendarStart[] }) {
  if (of.length === 0) return null
  return (
    <ul>
      {of.slice(0, mostInCell).map(({ schedule, times: [first, ...others] }) => (
        <li key={scheduleKey(schedule)}>
          {first?.toTimeString().slice(0, 5)} <JobLink name={schedule.job} namespace={schedule.namespace} />
          {others.length > 0 && <span class="hint"> {others.length + 1} times</span>}
          <WhyNot of={schedule} />
        </li>
      ))}
      {of.length > mostInCell && <li class="hint">{of.length - mostInCell} more</li>}
    </ul>
  )
}

function Often({ schedules }: { schedules: readonly ScheduleView[] }) {
  const often = schedules.filter(({ more, problem }) => more === true || problem !== undefined)
  if (often.length === 0) return null
  return (
    <Section title={`Start more than ${mostTimes} times in 7 days`}>
      <ul class="rows">
        {often.map(schedule => (
          <li key={scheduleKey(schedule)}>
            <Row of={<Scheduled of={schedule} />} beside={<Time at={schedule.due_at} before="next" />} />
          </li>
        ))}
      </ul>
    </Section>
  )
}

const columns: Columns<Missed> = {
  Job: ({ job, namespace }) => <JobLink name={job} namespace={namespace} />,
  Times: ({ count, more }) => `${count}${more === true ? ' or more' : ''}`,
  From: ({ from }) => <Time at={from} />,
  To: ({ to }) => <Time at={to} />,
  Why: ({ problem, reason }) => problem ?? missedTexts[reason],
}
