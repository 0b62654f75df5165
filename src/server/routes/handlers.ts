import type { Handlers } from '../call.ts'
import { executionHandlers } from './executions.ts'
import { jobHandlers } from './jobs.ts'
import { logHandlers } from './logs.ts'
import { operatorHandlers } from './operator-side.ts'
import { runnerHandlers } from './runner-side.ts'
import { scriptHandlers } from './scripts.ts'
import { serviceHandlers } from './service.ts'

/** What answers each call. */
export const handlers: Handlers = {
  ...runnerHandlers,
  ...jobHandlers,
  ...executionHandlers,
  ...logHandlers,
  ...scriptHandlers,
  ...operatorHandlers,
  ...serviceHandlers,
}
