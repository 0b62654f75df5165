/*
 * Every call of the protocol: the server makes its routes of this table, the client its requests, and the
 * OpenAPI document (openapi.ts) is written from it.
 */
import type { CallSpec } from './call.ts'
import { browserCalls } from './calls/browser.ts'
import { executionCalls } from './calls/executions.ts'
import { fleetCalls } from './calls/fleet.ts'
import { jobCalls } from './calls/jobs.ts'
import { notificationCalls } from './calls/notifications.ts'
import { runnerCalls } from './calls/runner-side.ts'
import { scheduleCalls } from './calls/schedules.ts'
import { serviceCalls } from './calls/service.ts'

export const api = {
  ...runnerCalls,
  ...jobCalls,
  ...executionCalls,
  ...scheduleCalls,
  ...fleetCalls,
  ...notificationCalls,
  ...browserCalls,
  ...serviceCalls,
} satisfies Record<string, CallSpec>

export type CallName = keyof typeof api

export const callNames = Object.keys(api) as CallName[]

/** The entry of a call, as code that serves every call sees it. */
export const specOf = (name: CallName): CallSpec => api[name]
