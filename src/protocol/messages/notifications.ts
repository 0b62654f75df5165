/* Notifications that wait, were sent or have failed, and the targets to which they go. */
import { type Static, Type } from 'typebox'
import { noticeStates } from '../states.ts'
import { choice, Id, list, Name, nullable, ShownProblem, Time } from './common.ts'
import { notifyEvents } from './jobs.ts'

/** The ways by which a target is reached. */
const targetTypes = ['webhook', 'email'] as const

export const NotifyTarget = Type.Object(
  {
    name: Name,
    type: choice(targetTypes),
    namespaces: nullable(
      Type.Array(Type.String(), { description: 'the namespaces whose jobs may name it; null: all' }),
    ),
  },
  { $id: 'NotifyTarget', description: 'a section [notify.NAME] of the server, without addresses' },
)
export type NotifyTarget = Static<typeof NotifyTarget>
export const NotifyTargetList = list('NotifyTargetList', NotifyTarget)

export const Notification = Type.Object(
  {
    id: Id,
    to: Name,
    event: choice(notifyEvents),
    namespace: Name,
    job_name: nullable(Name),
    execution_id: nullable(Id),
    text: Type.String({ description: 'the message, in a sentence or two' }),
    state: choice(noticeStates),
    created_at: Time,
    tries: Type.Integer({ minimum: 0 }),
    next_try_at: nullable(Time),
    sent_at: nullable(Time),
    error: nullable(Type.String({ description: 'why the last try failed' })),
    sent_as: nullable(
      Type.Unsafe<string>({
        ...Id,
        description: 'the message that lists it with others; null: one of its own',
      }),
    ),
    problem: ShownProblem,
  },
  { $id: 'Notification' },
)
export type Notification = Static<typeof Notification>
export const NotificationList = list('NotificationList', Notification)

export const NotifyTest = Type.Object(
  {
    name: Name,
    type: choice(targetTypes),
    sent: Type.Boolean({ description: 'whether the target has taken the message' }),
    error: nullable(Type.String({ description: 'why it has not' })),
    seconds: Type.Number({ minimum: 0 }),
  },
  { $id: 'NotifyTest' },
)
export type NotifyTest = Static<typeof NotifyTest>
