import type { Handlers } from '../handler.ts'
import { browserHandlers } from './browser.ts'
import { eventHandlers } from './events.ts'
import { executionHandlers } from './executions.ts'
import { fleetHandlers } from './fleet.ts'
import { jobHandlers } from './jobs.ts'
import { logHandlers } from './logs.ts'
import { notificationHandlers } from './notifications.ts'
import { runnerHandlers } from './runner-side.ts'
import { scheduleHandlers } from './schedules.ts'
import { scriptHandlers } from './scripts.ts'
import { serviceHandlers } from './service.ts'

/** The handler of each call. */
export const handlers: Handlers = {
  ...runnerHandlers,
  ...jobHandlers,
  ...executionHandlers,
  ...logHandlers,
  ...eventHandlers,
  ...scheduleHandlers,
  ...scriptHandlers,
  ...fleetHandlers,
  ...notificationHandlers,
  ...browserHandlers,
  ...serviceHandlers,
}
