import type { Notification } from '../../protocol/messages/notifications.ts'
import type { Moment } from '../../store/reader.ts'
import type { NoticeRow } from '../../store/schedule-rows.ts'
import type { NoticeBody } from '../rules/notice-text.ts'
import { time, timeOrNull } from '../rules/times.ts'
import type { UnreadableRow } from '../state/unreadable.ts'
import { showRow } from './shown.ts'

/** A notification, or a placeholder for one that cannot be read. */
export function shownNotification(row: NoticeRow | UnreadableRow, at: Moment): Promise<Notification> {
  return showRow<NoticeRow, Notification>(
    row,
    row => notificationView(row, at),
    problem => ({
      id: row.id,
      to: 'unreadable',
      event: 'failure',
      namespace: 'unreadable',
      job_name: null,
      execution_id: null,
      text: '',
      state: 'failed',
      created_at: time(0),
      tries: 0,
      next_try_at: null,
      sent_at: null,
      error: null,
      sent_as: null,
      problem,
    }),
  )
}

function notificationView(row: NoticeRow, { now, watched }: Moment): Notification {
  const { text } = JSON.parse(row.body) as NoticeBody
  return {
    id: row.id,
    to: row.target,
    event: row.event,
    namespace: row.namespace,
    job_name: row.job_name,
    execution_id: row.execution_id,
    text,
    state: row.state,
    created_at: time(row.created_at),
    tries: row.tries,
    next_try_at: row.next_at === null ? null : time(now + Math.max(0, row.next_at - watched)),
    sent_at: timeOrNull(row.sent_at),
    error: row.problem,
    sent_as: row.batch,
  }
}
