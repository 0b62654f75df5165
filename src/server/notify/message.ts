/* Messages to targets: one notification, or a list of many. */
import { defined } from '../../result.ts'
import type { NoticeRow } from '../../store/schedule-rows.ts'
import { counted } from '../../system/counted.ts'
import type { NoticeBody } from '../rules/notice-text.ts'

/** A message as every kind of target takes it. */
export interface Message {
  /** The same each time it is sent. */
  id: string
  /** One line. */
  subject: string
  text: string
  /** A JSON object; `text` is in it. */
  body: Record<string, unknown>
}

/** The most notifications that the text of a list has. */
const mostLines = 100

/** The message of one notification. */
export function messageOf({ id, body }: Pick<NoticeRow, 'id' | 'body'>): Message {
  const facts = JSON.parse(body) as NoticeBody
  const { text, ...rest } = facts
  return { id, subject: text, text, body: { text, id, ...rest } }
}

/** One message that lists many notifications. */
export function listMessage(id: string, rows: readonly NoticeRow[]): Message {
  const notifications = rows.map(({ id, body }) => ({ id, ...(JSON.parse(body) as NoticeBody) }))
  const counts = [...Map.groupBy(rows, ({ event }) => event)]
    .map(([event, of]) => `${of.length} ${event}`)
    .join(', ')
  const subject = `${counted(rows.length, 'notification')}: ${counts}`
  const lines = notifications.slice(0, mostLines).map(({ text }) => `- ${text}`)
  const left = notifications.length - lines.length
  const text = [subject, ...lines, ...(left > 0 ? [`- and ${left} more`] : [])].join('\n')
  const short = notifications.map(({ id, event, job, namespace, execution }) => ({
    id,
    event,
    job,
    namespace,
    execution,
  }))
  return { id, subject, text, body: { text, id, event: 'list', notifications: short } }
}

/** A message that shows whether a target works. */
export function testMessage(id: string, name: string): Message {
  const text = `This is a test of the target ${name} of runner: notifications about jobs arrive here`
  const about = { job: null, namespace: null, execution: null }
  return { id, subject: `Test of the target ${name}`, text, body: { text, id, event: 'test', ...about } }
}

/** Why a message was not taken. */
export interface NotTaken {
  /** A sentence in which no secret is. */
  problem: string
  /** Seconds after which the target asks to be tried again. */
  retry_after?: number | undefined
}

export const notTaken = (problem: string, retry_after?: number): { ok: false; failure: NotTaken } => ({
  ok: false,
  failure: { problem, ...defined({ retry_after }) },
})
