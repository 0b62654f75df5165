/* What runs in the next 7 days, and what schedules did not fire. */
import { useLocation } from 'preact-iso/router'
import type { Missed, ScheduleView } from '../../protocol/messages/schedules.ts'
import { useCall } from '../context.ts'
import { busyHours, type CalendarStart, calendarOf, missedTexts } from '../jobs.ts'
import { useList } from '../list.ts'
import { useNow } from '../live/pace.ts'
import { ConfirmButton } from '../ui/confirm.tsx'
import { Items, ItemTable } from '../ui/items.tsx'
import { JobLink } from '../ui/links.tsx'
import { NoSchedule, Scheduled, WhyNot } from '../ui/schedules.tsx'
import { Section, Time } from '../ui/show.tsx'
import type { Columns } from '../ui/table.tsx'
import { Title } from '../ui/title.tsx'

/** Jobs that start more often than this in 7 days are listed apart, since they would fill the calendar. */
const mostTimes = 50

const keyOf = ({ job, namespace }: ScheduleView) => `${namespace}/${job}`

export function Schedule() {
  const { namespace } = useLocation().query
  const narrowed = namespace === undefined ? '' : `&namespace=${encodeURIComponent(namespace)}`
  const schedules = useList<ScheduleView>(`/v1/schedules?limit=200&times=${mostTimes}${narrowed}`, keyOf, [
    'schedule',
    'job',
  ])
  const missed = useList<Missed>(`/v1/missed?limit=50${narrowed}`, ({ id }) => id, ['schedule'])
  return (
    <>
      <Title text="Schedule" />
      {namespace !== undefined && <p class="hint">Only of namespace {namespace}.</p>}
      <Items of={schedules} empty={<NoSchedule text="No job has a schedule." />}>
        {all => (
          <>
            <Pause schedules={all} namespace={namespace} refresh={schedules.refresh} />
            <Calendar schedules={all} />
            <Often schedules={all} />
          </>
        )}
      </Items>
      <Section title="Not fired">
        <ItemTable
          of={missed}
          empty="Every time of every schedule was fired."
          names="Job"
          columns={missedColumns}
        />
      </Section>
    </>
  )
}

interface Paused {
  schedules: readonly ScheduleView[]
  namespace: string | undefined
  refresh: () => void
}

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
            question={`Nothing of ${whose} fires until they are resumed. What runs now goes on.`}
            does={() => set('pause', `Paused ${whose}.`)}
          />
        )}
        {paused > 0 && (
          <ConfirmButton
            label="Resume all"
            question="Schedules fire again. What they have missed is caught up as each says."
            does={() => set('resume', `Resumed ${whose}, but for those that were paused one by one.`)}
          />
        )}
      </div>
    </>
  )
}

/** Jobs that a cell of the calendar names. */
const mostInCell = 4
const two = (value: number) => String(value).padStart(2, '0')

function Calendar({ schedules }: { schedules: readonly ScheduleView[] }) {
  const now = useNow(60_000)
  const days = calendarOf(schedules, new Date(now))
  const hours = busyHours(days)
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone
  return (
    <Section title="The next 7 days">
      {hours.length === 0 ? (
        <p class="hint">Nothing starts at times of the day that the calendar shows.</p>
      ) : (
        <div class="table">
          <table class="calendar">
            <caption class="hint">In {zone}. Hours in which nothing starts are left out.</caption>
            <thead>
              <tr>
                <th scope="col">Hour</th>
                {days.map(({ date }) => (
                  <th key={date.getTime()} scope="col">
                    {date.toLocaleDateString('en-GB', { weekday: 'short' })} {date.getFullYear()}-
                    {two(date.getMonth() + 1)}-{two(date.getDate())}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {hours.map(hour => (
                <tr key={hour}>
                  <th scope="row">{two(hour)}:00</th>
                  {days.map(({ date, hours }) => (
                    <Cell key={date.getTime()} starts={hours.get(hour) ?? []} />
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  )
}

function Cell({ starts }: { starts: readonly CalendarStart[] }) {
  const rest = starts.length - mostInCell
  return (
    <td>
      <ul>
        {starts.slice(0, mostInCell).map(({ schedule, times }) => {
          const at = new Date(times[0]!)
          return (
            <li key={keyOf(schedule)}>
              {two(at.getHours())}:{two(at.getMinutes())}{' '}
              <JobLink name={schedule.job} namespace={schedule.namespace} />
              {times.length > 1 && <span class="hint"> {times.length} times</span>}
              <WhyNot of={schedule} />
            </li>
          )
        })}
        {rest > 0 && <li class="hint">{rest} more</li>}
      </ul>
    </td>
  )
}

function Often({ schedules }: { schedules: readonly ScheduleView[] }) {
  const often = schedules.filter(({ more, problem }) => more === true || problem !== undefined)
  if (often.length === 0) return null
  return (
    <Section title={`Start more than ${mostTimes} times in 7 days`}>
      <ul class="rows">
        {often.map(schedule => (
          <li key={keyOf(schedule)} class="title">
            <Scheduled of={schedule} />
            <span class="hint">
              next <Time at={schedule.due_at} />
            </span>
          </li>
        ))}
      </ul>
    </Section>
  )
}

const missedColumns: Columns<Missed> = {
  Job: ({ job, namespace }) => <JobLink name={job} namespace={namespace} />,
  Times: ({ count, more }) => `${count}${more === true ? ' or more' : ''}`,
  From: ({ from }) => <Time at={from} />,
  To: ({ to }) => <Time at={to} />,
  Why: ({ problem, reason }) => problem ?? missedTexts[reason],
}
