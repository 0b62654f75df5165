/* What runs in the next 7 days, and what schedules did not fire. */
import { useLocation } from 'preact-iso/router'
import type { Missed, ScheduleView } from '../../protocol/messages/schedules.ts'
import { usePage } from '../context.ts'
import { busyHours, type CalendarStart, calendarOf, missedTexts } from '../jobs.ts'
import { type List, useList } from '../list.ts'
import { useNow } from '../live/pace.ts'
import { jobPath } from '../paths.ts'
import { mayOperate } from '../session.ts'
import { ConfirmButton, More } from '../ui/confirm.tsx'
import { Empty, Loaded, Time } from '../ui/show.tsx'
import { Table } from '../ui/table.tsx'
import { Title } from '../ui/title.tsx'

/** Jobs that start more often than this in 7 days are listed apart, since they would fill the calendar. */
const mostTimes = 50

export function Schedule() {
  const { namespace } = useLocation().query
  const narrowed = namespace === undefined ? '' : `&namespace=${encodeURIComponent(namespace)}`
  const schedules = useList<ScheduleView>(
    `/v1/schedules?limit=200&times=${mostTimes}${narrowed}`,
    ({ job, namespace }) => `${namespace}/${job}`,
    { topics: ['schedule', 'job'] },
  )
  return (
    <>
      <Title text="Schedule" />
      {namespace !== undefined && <p class="hint">Only of namespace {namespace}.</p>}
      <Loaded of={schedules}>
        {all =>
          all.length === 0 ? (
            <Empty>
              <p>No job has a schedule.</p>
              <p>
                <code>runner job put NAME --image IMAGE --cron '30 2 * * *'</code> runs one each night.
              </p>
            </Empty>
          ) : (
            <>
              <Pause schedules={all} namespace={namespace} refresh={schedules.refresh} />
              <Calendar schedules={all} />
              <Often schedules={all} />
              <More more={schedules.more} />
            </>
          )
        }
      </Loaded>
      <NotFired narrowed={narrowed} />
    </>
  )
}

interface Paused {
  schedules: readonly ScheduleView[]
  namespace: string | undefined
  refresh: () => void
}

function Pause({ schedules, namespace, refresh }: Paused) {
  const { server, notices, session } = usePage()
  const paused = schedules.filter(({ paused_at }) => paused_at !== null).length
  const whose = namespace === undefined ? 'all schedules' : `all schedules of namespace ${namespace}`
  const set = async (what: 'pause' | 'resume') => {
    const query = namespace === undefined ? '' : `?namespace=${encodeURIComponent(namespace)}`
    await notices.of(
      server.json('POST', `/v1/schedules/${what}${query}`),
      what === 'pause' ? `Paused ${whose}.` : `Resumed ${whose}, but for those that were paused one by one.`,
    )
    refresh()
  }
  return (
    <>
      {paused > 0 && (
        <p class="warned">
          ❚❚ {paused} of {schedules.length} schedules are paused: they fire nothing until they are resumed.
        </p>
      )}
      {mayOperate(session) && (
        <div class="buttons">
          {paused < schedules.length && (
            <ConfirmButton
              label="Pause all"
              question={`Nothing of ${whose} fires until they are resumed. What runs now goes on.`}
              onConfirm={() => set('pause')}
            />
          )}
          {paused > 0 && (
            <ConfirmButton
              label="Resume all"
              question="Schedules fire again. What they have missed is caught up as each says."
              onConfirm={() => set('resume')}
            />
          )}
        </div>
      )}
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
    <section>
      <h2>The next 7 days</h2>
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
    </section>
  )
}

function Cell({ starts }: { starts: readonly CalendarStart[] }) {
  const rest = starts.length - mostInCell
  return (
    <td>
      <ul>
        {starts.slice(0, mostInCell).map(({ schedule: { job, namespace, paused_at }, times }) => {
          const at = new Date(times[0]!)
          return (
            <li key={`${namespace}/${job}`}>
              {two(at.getHours())}:{two(at.getMinutes())}{' '}
              <a href={jobPath({ name: job, namespace })}>{job}</a>
              {times.length > 1 && <span class="hint"> {times.length} times</span>}
              {paused_at !== null && <span class="warned"> ❚❚ paused</span>}
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
    <section>
      <h2>Start more than {mostTimes} times in 7 days</h2>
      <ul class="rows">
        {often.map(({ job, namespace, text, due_at, paused_at, problem }) => (
          <li key={`${namespace}/${job}`} class="title">
            <span>
              <a href={jobPath({ name: job, namespace })}>{job}</a> <span class="hint">{text}</span>
              {paused_at !== null && <span class="warned"> ❚❚ paused</span>}
              {problem !== undefined && <span class="wrong"> {problem}</span>}
            </span>
            <span class="hint">
              next <Time at={due_at} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function NotFired({ narrowed }: { narrowed: string }) {
  const missed: List<Missed> = useList<Missed>(`/v1/missed?limit=50${narrowed}`, ({ id }) => id, {
    topics: ['schedule'],
  })
  return (
    <section>
      <h2>Not fired</h2>
      <Loaded of={missed}>
        {all =>
          all.length === 0 ? (
            <p class="hint">Every time of every schedule was fired.</p>
          ) : (
            <>
              <Table
                of={all}
                keyOf={({ id }) => id}
                columns={[
                  {
                    title: 'Job',
                    is: 'name',
                    show: ({ job, namespace }) => <a href={jobPath({ name: job, namespace })}>{job}</a>,
                  },
                  {
                    title: 'Times',
                    is: 'number',
                    show: ({ count, more }) => `${count}${more === true ? ' or more' : ''}`,
                  },
                  { title: 'From', show: ({ from }) => <Time at={from} /> },
                  { title: 'To', show: ({ to }) => <Time at={to} /> },
                  { title: 'Why', show: ({ problem, reason }) => problem ?? missedTexts[reason] },
                ]}
              />
              <More more={missed.more} />
            </>
          )
        }
      </Loaded>
    </section>
  )
}
