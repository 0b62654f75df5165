import { Type } from 'typebox'
import type { CallSpec } from '../call.ts'
import { AnyTime, Id, Name } from '../messages/common.ts'
import { Execution, ExecutionList, LogTimeList } from '../messages/executions.ts'
import { Submit } from '../messages/jobs.ts'
import { logEvents } from '../messages/results.ts'
import { Script, ScriptPending } from '../messages/scripts.ts'
import {
  byId,
  follower,
  inEach,
  inOne,
  narrowed,
  operator,
  page,
  paged,
  plain,
  pretty,
  strict,
} from './parts.ts'

/** Executions, their logs, and scripts. */
export const executionCalls = {
  submit: {
    method: 'POST',
    path: '/v1/executions',
    summary: 'Run a definition that is in the body',
    access: operator,
    reach: 'name',
    idempotent: true,
    query: inOne,
    body: Submit,
    answers: { 201: Execution },
  },
  listExecutions: {
    method: 'GET',
    path: '/v1/executions',
    summary: 'Executions, the latest first',
    access: follower,
    reach: 'list',
    query: Type.Object(
      {
        state: Type.Optional(Type.String({ maxLength: 256, description: 'states with commas between them' })),
        job_name: Type.Optional(Name),
        group: Type.Optional(
          Type.String({
            maxLength: 64,
            description: 'id of a series of retries, not the name of a runner group',
          }),
        ),
        last_attempts: Type.Optional(
          Type.Boolean({
            description:
              '`true`: only the last attempt of each run: a failure that was tried again is left out',
          }),
        ),
        runner_id: Type.Optional(Id),
        runner_group: Type.Optional(Name),
        text: Type.Optional(
          Type.String({
            minLength: 1,
            maxLength: 256,
            description:
              'a part of the name of its job, its image, ' +
              'the name of its runner, its reason or its message, in small or capital letters. ' +
              'A page may have fewer items than `limit`, even none, before the last one',
          }),
        ),
        id_prefix: Type.Optional(
          Type.String({
            pattern: '^[0-9a-f][0-9a-f-]{7,35}$',
            description: 'the first 8 or more characters of an id',
          }),
        ),
        since: Type.Optional(AnyTime),
        until: Type.Optional(AnyTime),
        fields: Type.Optional(
          Type.String({
            maxLength: 1024,
            description:
              'names of fields with commas between them: items have these and the id; ' +
              'without it all but `output_properties` and `reporting_records`',
          }),
        ),
        ...narrowed,
        ...page,
        ...pretty,
      },
      strict,
    ),
    answers: { 200: ExecutionList },
  },
  getExecution: {
    method: 'GET',
    path: '/v1/executions/{id}',
    summary: 'One execution',
    access: follower,
    reach: 'execution',
    params: byId,
    query: plain,
    answers: { 200: Execution },
  },
  readLog: {
    method: 'GET',
    path: '/v1/executions/{id}/log',
    summary: 'The log as plain text, or followed as server-sent events',
    access: follower,
    reach: 'execution',
    params: byId,
    query: Type.Object(
      {
        offset: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
        length: Type.Optional(
          Type.Integer({
            minimum: 1,
            maximum: 1_048_576,
            description:
              'at most so many bytes, from the first one at or after `offset` that is kept: ' +
              'the header Runner-Log-Offset has its offset, ' +
              'Runner-Log-Length the length of the log until now, and, where its middle is not kept, ' +
              'Runner-Log-Head the length of its beginning; not with `follow`',
          }),
        ),
        follow: Type.Optional(Type.Boolean()),
        ...pretty,
      },
      strict,
    ),
    answers: { 200: ['text/plain', 'text/event-stream'] },
    events: logEvents,
  },
  logTimes: {
    method: 'GET',
    path: '/v1/executions/{id}/log/times',
    summary: 'When the parts of the log came to the server',
    access: follower,
    reach: 'execution',
    params: byId,
    query: paged,
    answers: { 200: LogTimeList },
  },
  abort: {
    method: 'POST',
    path: '/v1/executions/{id}/abort',
    summary: 'End an execution',
    access: operator,
    reach: 'execution',
    params: byId,
    answers: { 200: Execution },
  },
  rerun: {
    method: 'POST',
    path: '/v1/executions/{id}/rerun',
    summary: 'Run the definition of an ended execution again, as it was then',
    access: operator,
    reach: 'execution',
    idempotent: true,
    params: byId,
    answers: { 201: Execution },
  },
  busy: {
    method: 'GET',
    path: '/v1/busy',
    summary: 'The running executions, with the ends of their outputs: up to 64 KiB each, 8 MiB in all',
    access: follower,
    reach: 'list',
    query: inEach,
    answers: { 200: Type.Array(Execution, { $id: 'Executions' }) },
  },
  script: {
    method: 'POST',
    path: '/v1/scripts',
    summary: 'Run a script on one runner over its command channel, at most once',
    access: operator,
    reach: 'name',
    query: inOne,
    body: Script,
    answers: { 200: Execution, 202: ScriptPending },
  },
} as const satisfies Record<string, CallSpec>
