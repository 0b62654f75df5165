import { Type } from 'typebox'
import type { CallSpec } from '../call.ts'
import { choice, Name } from '../messages/common.ts'
import { NotificationList, NotifyTargetList, NotifyTest } from '../messages/notifications.ts'
import { noticeStates } from '../states.ts'
import { byName, narrowed, operator, page, plain, pretty, reader, strict } from './parts.ts'

/** Notifications, and the targets to which they go. */
export const notificationCalls = {
  listNotifications: {
    method: 'GET',
    path: '/v1/notifications',
    summary: 'Notifications that wait, have failed or were sent, the latest first',
    access: reader,
    reach: 'list',
    query: Type.Object(
      {
        ...page,
        ...pretty,
        ...narrowed,
        state: Type.Optional(choice(noticeStates, 'only those in this state')),
        to: Type.Optional(Type.Unsafe<string>({ ...Name, description: 'only those to this target' })),
      },
      strict,
    ),
    answers: { 200: NotificationList },
  },
  listNotifyTargets: {
    method: 'GET',
    path: '/v1/notify',
    summary: 'The targets that jobs can name, by name: the sections [notify.NAME] of the server',
    access: reader,
    reach: 'list',
    query: Type.Object({ ...page, ...pretty, ...narrowed }, strict),
    answers: { 200: NotifyTargetList },
  },
  testNotify: {
    method: 'POST',
    path: '/v1/notify/{name}/test',
    summary: 'Send a test message to a target, and say how that went',
    access: operator,
    reach: 'all',
    params: byName,
    query: plain,
    answers: { 200: NotifyTest },
  },
} as const satisfies Record<string, CallSpec>
