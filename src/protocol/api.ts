/*
 * Every call of the protocol: the server makes its routes of this table, the client its requests, and the OpenAPI
 * document (openapi.ts) is written from it.
 */
import { type TSchema, Type } from 'typebox'
import * as m from './messages.ts'

/** Who may make a call; `open` needs no token. A runner's own token reaches only what is its own. */
export type Access = m.TokenKind | 'open'

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** With parameters in braces, as OpenAPI writes them. */
  path: string
  summary: string
  access: readonly Access[]
  params?: TSchema
  query?: TSchema
  body?: TSchema
  /** What the body is, where it is not JSON. */
  bodyType?: 'application/octet-stream'
  /** The field of a form that the body may come in instead. */
  form?: string
  /** By status: the schema of a JSON answer, media types, or null for none. */
  answers: Record<number, TSchema | readonly MediaType[] | null>
  /** Of a stream: the data of each event, by its name. */
  events?: Record<string, TSchema>
  /** Whether it carries `Runner-Session`. */
  session?: true
  /** Whether it may carry `Idempotency-Key`. */
  idempotent?: true
}

export type MediaType = 'text/event-stream' | 'text/plain'

const strict = { additionalProperties: false }
const id = Type.Object({ id: m.Id })
const name = Type.Object({ name: m.Name })
const operator: readonly Access[] = ['admin']
const reader: readonly Access[] = ['admin', 'viewer']
const runner: readonly Access[] = ['runner']

/** Query parameters arrive as text; the server's validator turns these into numbers and booleans. */
const page = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
  after: Type.Optional(Type.String({ maxLength: 256, description: '`next` of the page before' })),
}
const pretty = { pretty: Type.Optional(Type.String({ maxLength: 5, description: 'indents the answer' })) }
const paged = Type.Object({ ...page, ...pretty }, strict)
const plain = Type.Object(pretty, strict)

export const api = {
  register: {
    method: 'POST',
    path: '/v1/runners/register',
    summary: 'Register a runner, or take over its session',
    access: ['registration', 'runner'],
    body: m.Registration,
    answers: { 200: m.Registered },
  },
  commands: {
    method: 'GET',
    path: '/v1/runners/{id}/commands',
    summary: 'The command channel of a runner, as server-sent events',
    access: runner,
    session: true,
    params: id,
    answers: { 200: ['text/event-stream'] },
    events: m.channelEvents,
  },
  reserve: {
    method: 'POST',
    path: '/v1/runners/{id}/reserve',
    summary: 'Wait for work',
    access: runner,
    session: true,
    params: id,
    body: m.Reserve,
    answers: { 200: m.Reservations, 204: null },
  },
  confirm: {
    method: 'POST',
    path: '/v1/executions/{id}/confirm',
    summary: 'Take a reserved execution',
    access: runner,
    session: true,
    params: id,
    body: m.Confirm,
    answers: { 204: null },
  },
  heartbeat: {
    method: 'POST',
    path: '/v1/runners/{id}/heartbeat',
    summary: 'Say what a runner holds, and renew its leases',
    access: runner,
    session: true,
    params: id,
    body: m.Heartbeat,
    answers: { 200: m.HeartbeatAnswer },
  },
  appendLog: {
    method: 'POST',
    path: '/v1/executions/{id}/log',
    summary: 'Append to the log of an execution',
    access: runner,
    session: true,
    params: id,
    query: Type.Object(
      { offset: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }), lease: m.Id, ...pretty },
      strict,
    ),
    bodyType: 'application/octet-stream',
    answers: { 200: m.LogLength },
  },
  result: {
    method: 'PUT',
    path: '/v1/executions/{id}/result',
    summary: 'Say how an execution ended',
    access: runner,
    session: true,
    params: id,
    body: m.Result,
    answers: { 204: null },
  },
  leave: {
    method: 'POST',
    path: '/v1/runners/{id}/leave',
    summary: 'Say good-bye; leases last until it is back',
    access: runner,
    session: true,
    params: id,
    body: m.Leave,
    answers: { 204: null },
  },

  putJob: {
    method: 'PUT',
    path: '/v1/jobs/{name}',
    summary: 'Define a job',
    access: operator,
    params: name,
    body: m.JobBody,
    answers: { 200: m.Job, 201: m.Job },
  },
  postJob: {
    method: 'POST',
    path: '/v1/jobs',
    summary: 'Define a job whose name is in the body, as PUT does',
    access: operator,
    body: m.Job,
    answers: { 200: m.Job, 201: m.Job },
  },
  listJobs: {
    method: 'GET',
    path: '/v1/jobs',
    summary: 'All definitions: the backup',
    access: reader,
    query: plain,
    answers: { 200: Type.Array(m.ShownJob, { $id: 'Jobs' }) },
  },
  getJob: {
    method: 'GET',
    path: '/v1/jobs/{name}',
    summary: 'One definition',
    access: reader,
    params: name,
    query: plain,
    answers: { 200: m.ShownJob },
  },
  deleteJob: {
    method: 'DELETE',
    path: '/v1/jobs/{name}',
    summary: 'Remove a definition; its executions stay',
    access: operator,
    params: name,
    answers: { 204: null },
  },
  restore: {
    method: 'POST',
    path: '/v1/restore',
    summary: 'Restore definitions, all of them or none; as JSON, or as the form field `file`',
    access: operator,
    // Judged entry by entry, so that the answer names the wrong one.
    body: Type.Unsafe<unknown>({ description: 'an array of Job, as GET /v1/jobs gives it' }),
    form: 'file',
    answers: { 200: m.Restored },
  },
  runJob: {
    method: 'POST',
    path: '/v1/jobs/{name}/run',
    summary: 'Run a job',
    access: operator,
    idempotent: true,
    params: name,
    answers: { 201: m.Execution },
  },
  submit: {
    method: 'POST',
    path: '/v1/executions',
    summary: 'Run a definition that is in the body',
    access: operator,
    idempotent: true,
    body: m.Submit,
    answers: { 201: m.Execution },
  },
  listExecutions: {
    method: 'GET',
    path: '/v1/executions',
    summary: 'Executions, the latest first',
    access: reader,
    query: Type.Object(
      {
        state: Type.Optional(Type.String({ maxLength: 256, description: 'states with commas between them' })),
        job_name: Type.Optional(m.Name),
        group: Type.Optional(Type.String({ maxLength: 64 })),
        runner_id: Type.Optional(m.Id),
        fields: Type.Optional(
          Type.String({
            maxLength: 1024,
            description:
              'names of fields with commas between them: items have these and the id; without it all but `output_properties` and `reporting_records`',
          }),
        ),
        ...page,
        ...pretty,
      },
      strict,
    ),
    answers: { 200: m.ExecutionList },
  },
  getExecution: {
    method: 'GET',
    path: '/v1/executions/{id}',
    summary: 'One execution',
    access: reader,
    params: id,
    query: plain,
    answers: { 200: m.Execution },
  },
  readLog: {
    method: 'GET',
    path: '/v1/executions/{id}/log',
    summary: 'The log as plain text, or followed as server-sent events',
    access: reader,
    params: id,
    query: Type.Object(
      {
        offset: Type.Optional(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
        follow: Type.Optional(Type.Boolean()),
        ...pretty,
      },
      strict,
    ),
    answers: { 200: ['text/plain', 'text/event-stream'] },
    events: m.logEvents,
  },
  abort: {
    method: 'POST',
    path: '/v1/executions/{id}/abort',
    summary: 'End an execution',
    access: operator,
    params: id,
    answers: { 200: m.Execution },
  },
  rerun: {
    method: 'POST',
    path: '/v1/executions/{id}/rerun',
    summary: 'Run the definition of an ended execution again, as it was then',
    access: operator,
    idempotent: true,
    params: id,
    answers: { 201: m.Execution },
  },
  busy: {
    method: 'GET',
    path: '/v1/busy',
    summary: 'What runs right now, with the end of its output: up to 64 KiB each, 8 MiB in all',
    access: reader,
    query: plain,
    answers: { 200: Type.Array(m.Execution, { $id: 'Executions' }) },
  },
  script: {
    method: 'POST',
    path: '/v1/scripts',
    summary: 'Run a script on one runner over its command channel, at most once',
    access: operator,
    body: m.Script,
    answers: { 200: m.Execution, 202: m.ScriptPending },
  },

  listRunners: {
    method: 'GET',
    path: '/v1/runners',
    summary: 'Runners, the oldest first',
    access: reader,
    query: Type.Object({ runner_group: Type.Optional(m.Name), ...page, ...pretty }, strict),
    answers: { 200: m.RunnerList },
  },
  getRunner: {
    method: 'GET',
    path: '/v1/runners/{id}',
    summary: 'One runner',
    access: reader,
    params: id,
    query: plain,
    answers: { 200: m.Runner },
  },
  patchRunner: {
    method: 'PATCH',
    path: '/v1/runners/{id}',
    summary: "Set what stands over the runner's own word, or allow a deleted one again",
    access: operator,
    params: id,
    body: m.RunnerPatch,
    answers: { 200: m.Runner },
  },
  deleteRunner: {
    method: 'DELETE',
    path: '/v1/runners/{id}',
    summary: 'Delete a runner and abort what it has not finished',
    access: operator,
    params: id,
    answers: { 204: null },
  },
  listGroups: {
    method: 'GET',
    path: '/v1/groups',
    summary: 'Runner groups',
    access: reader,
    query: paged,
    answers: { 200: m.GroupList },
  },
  getGroup: {
    method: 'GET',
    path: '/v1/groups/{name}',
    summary: 'One runner group',
    access: reader,
    params: name,
    query: plain,
    answers: { 200: m.Group },
  },
  patchGroup: {
    method: 'PATCH',
    path: '/v1/groups/{name}',
    summary: 'Set mode and pin; elected again before the answer',
    access: operator,
    params: name,
    body: m.GroupPatch,
    answers: { 200: m.Group },
  },
  createToken: {
    method: 'POST',
    path: '/v1/tokens',
    summary: 'Make a token; its text is shown this one time',
    access: operator,
    body: m.TokenCreate,
    answers: { 201: m.TokenCreated },
  },
  listTokens: {
    method: 'GET',
    path: '/v1/tokens',
    summary: 'Tokens, without their texts',
    access: operator,
    query: paged,
    answers: { 200: m.TokenList },
  },
  revokeToken: {
    method: 'DELETE',
    path: '/v1/tokens/{id}',
    summary: 'Revoke a token: its channels and polls end within 5 s',
    access: operator,
    params: id,
    answers: { 204: null },
  },
  health: {
    method: 'GET',
    path: '/health',
    summary: 'Whether the server and its store work',
    access: ['open'],
    query: plain,
    answers: { 200: m.Health, 503: m.Health },
  },
  metrics: {
    method: 'GET',
    path: '/metrics',
    summary: 'Metrics in the text format of Prometheus',
    access: reader,
    answers: { 200: ['text/plain'] },
  },
  openapi: {
    method: 'GET',
    path: '/openapi.json',
    summary: 'This document',
    access: ['open'],
    query: plain,
    answers: { 200: Type.Unsafe<object>({ type: 'object' }) },
  },
} as const satisfies Record<string, Call>

export type CallName = keyof typeof api
