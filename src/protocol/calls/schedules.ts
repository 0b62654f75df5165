import { Type } from 'typebox'
import type { CallSpec } from '../call.ts'
import { AnyTime, Name } from '../messages/common.ts'
import {
  MissedList,
  mostTimes,
  NextTimes,
  Paused,
  ScheduleList,
  ScheduleView,
} from '../messages/schedules.ts'
import {
  byName,
  inEach,
  inOne,
  namespace,
  narrowed,
  operator,
  page,
  pretty,
  reader,
  strict,
} from './parts.ts'

/** When jobs run by themselves. */
export const scheduleCalls = {
  listSchedules: {
    method: 'GET',
    path: '/v1/schedules',
    summary: 'The schedules of all jobs that have one, by the names of the jobs',
    access: reader,
    reach: 'list',
    query: Type.Object(
      {
        soonest: Type.Optional(
          Type.Boolean({ description: 'only the `limit` that are due next, by time; there is no next page' }),
        ),
        times: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 200,
            description: `how many next times each item tells; times \`limit\` at most ${mostTimes}`,
          }),
        ),
        until: Type.Optional(
          Type.Unsafe<string>({
            ...AnyTime,
            description: 'times up to this one; by default those of the next 7 days',
          }),
        ),
        ...narrowed,
        ...page,
        ...pretty,
      },
      strict,
    ),
    answers: { 200: ScheduleList },
  },
  nextTimes: {
    method: 'GET',
    path: '/v1/jobs/{name}/schedule',
    summary: 'The next times of a job',
    access: reader,
    reach: 'name',
    params: byName,
    query: Type.Object(
      {
        count: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 10 })),
        ...namespace,
        ...pretty,
      },
      strict,
    ),
    answers: { 200: NextTimes },
  },
  listMissed: {
    method: 'GET',
    path: '/v1/missed',
    summary: 'The times that schedules did not fire, and why; the latest first',
    access: reader,
    reach: 'list',
    query: Type.Object({ job: Type.Optional(Name), ...narrowed, ...page, ...pretty }, strict),
    answers: { 200: MissedList },
  },
  pauseJob: {
    method: 'POST',
    path: '/v1/jobs/{name}/schedule/pause',
    summary: 'Fire nothing of the schedule of a job until it is resumed',
    access: operator,
    reach: 'name',
    params: byName,
    query: inOne,
    answers: { 200: ScheduleView },
  },
  resumeJob: {
    method: 'POST',
    path: '/v1/jobs/{name}/schedule/resume',
    summary: 'Fire the schedule of a job again; it catches up missed times by its own rule',
    access: operator,
    reach: 'name',
    params: byName,
    query: inOne,
    answers: { 200: ScheduleView },
  },
  pauseAll: {
    method: 'POST',
    path: '/v1/schedules/pause',
    summary: 'Fire no schedule until all are resumed: of one namespace, or of all that the token reaches',
    access: operator,
    reach: 'list',
    query: inEach,
    answers: { 200: Paused },
  },
  resumeAll: {
    method: 'POST',
    path: '/v1/schedules/resume',
    summary: 'Fire schedules again; each catches up missed times by its own rule',
    access: operator,
    reach: 'list',
    query: inEach,
    answers: { 200: Paused },
  },
} as const satisfies Record<string, CallSpec>
