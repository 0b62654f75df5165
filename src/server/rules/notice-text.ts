/* The texts of notifications. */
import type { NotifyEvent } from '../../protocol/messages/jobs.ts'
import type { MissedReason } from '../../protocol/messages/schedules.ts'
import { defined } from '../../result.ts'
import { defaultNamespace, type ExecutionRow } from '../../store/rows.ts'
import { counted } from '../../system/counted.ts'
import { blanked } from '../../system/printable.ts'
import { time, timeOrNull } from './times.ts'

/** The most characters of a job's own message in a notification. */
const longestMessage = 500

/**
 * The body of a notification about a run or a schedule. Chat programs show `text`, and pass over the rest.
 */
export interface NoticeBody {
  text: string
  event: NotifyEvent
  job: string | null
  namespace: string
  execution: string | null
  [fact: string]: unknown
}

/** Times of a schedule that were not fired. */
export interface NotFiredNotice {
  reason: MissedReason
  /** The first and the last of them. */
  from: number
  to: number
  count: number
}

/** The body about a run, by one of its attempts; `attempts`: how many it has had. */
export function bodyOfRun(event: NotifyEvent, row: ExecutionRow, attempts: number): NoticeBody {
  const error_message = row.error_message === null ? null : shortened(row.error_message)
  return {
    text: textOfRun(event, row, attempts),
    event,
    job: row.job_name,
    namespace: row.namespace,
    execution: row.id,
    group: row.group,
    attempt: row.attempt,
    state: row.state,
    exit_code: row.exit_code,
    reason: row.reason,
    error_message,
    node_name: row.node_name,
    started_at: timeOrNull(row.started_at),
    finished_at: timeOrNull(row.finished_at),
    ...defined({ scheduled_for: row.scheduled_for === null ? undefined : time(row.scheduled_for) }),
  }
}

/** The body about times of the schedule of a job. */
export function bodyOfNotFired(
  { namespace, name }: { namespace: string; name: string },
  { reason, from, to, count }: NotFiredNotice,
): NoticeBody {
  const when = from === to ? `at ${time(from)}` : `between ${time(from)} and ${time(to)}`
  return {
    text:
      `${nameOf(name, namespace)} was not started ${counted(count, 'time')} ${when}: ` +
      `${missedTexts[reason]}`,
    event: 'not-fired',
    job: name,
    namespace,
    execution: null,
    reason,
    from: time(from),
    to: time(to),
    count,
  }
}

const missedTexts: Record<MissedReason, string> = {
  outage: 'the server did not run',
  paused: 'its schedule was paused',
  blackout: 'it fell into a blackout',
  gap: 'the clocks of its time zone left the time out',
  overlap: 'another run of it had not ended',
  'queue-full': 'enough runs of it were waiting',
  replaced: 'a later run took its place',
  restored: 'the store was restored from a backup',
  disabled: 'its schedule was not enabled',
  clock: 'the clock of the server had jumped',
}

function textOfRun(event: NotifyEvent, row: ExecutionRow, attempts: number): string {
  const name = row.job_name === null ? `Execution ${row.id}` : nameOf(row.job_name, row.namespace)
  const tries = attempts > 1 ? ` after ${attempts} attempts` : ''
  const node = row.node_name === null ? '' : ` on ${plain(row.node_name)}`
  switch (event) {
    case 'success':
      return `${name} has succeeded${tries}${node}`
    case 'recovery':
      return `${name} has succeeded again${tries}${node}: the run before had failed`
    case 'failure':
      return `${name} has failed${tries}${node}${why(row)}`
    case 'aborted':
      return `${name} was aborted${tries}${node}${why(row)}`
    case 'lost':
      return `${name} is lost: nothing was heard of its runner${node} until the lease ended; it may come back`
    case 'late':
      return `${name} is late: it has run for more than ${row.expected_seconds} s${node}`
    case 'not-fired':
      return name
  }
}

function why({ exit_code, error_message, reason }: ExecutionRow): string {
  const status = exit_code === null || exit_code === 0 ? '' : `exit status ${exit_code}`
  const said = error_message === null ? '' : plain(shortened(error_message))
  const parts = [status, said === '' && status === '' ? (reason ?? '') : said].filter(part => part !== '')
  return parts.length === 0 ? '' : `: ${parts.join('; ')}`
}

const nameOf = (name: string, namespace: string) =>
  `Job ${namespace === defaultNamespace ? name : `${namespace}/${name}`}`

const shortened = (text: string) =>
  text.length <= longestMessage ? text : `${text.slice(0, longestMessage).toWellFormed()}…`

/**
 * A foreign text on one line in which chat programs find no commands: `<!channel>`, `@all` and links with
 * other words would reach people who have nothing to do with it.
 */
const plain = (text: string) =>
  blanked(text).replaceAll('<', '‹').replaceAll('>', '›').replaceAll('@', '@\u200b')
