/*
 * The OpenAPI document, written from the table of calls: the schemas in it are those that validate.
 */

import type { TSchema } from 'typebox'
import { defined } from '../result.ts'
import { type CallName, callNames, specOf } from './api.ts'
import type { Access, CallSpec, MediaType } from './call.ts'
import { Problem } from './messages/problem.ts'
import { Credentials } from './messages/registration.ts'
import { SecretValues } from './messages/reservations.ts'
import { problems, problemType } from './problem.ts'

/** A part of the document: JSON. */
type Json = Record<string, unknown>

const kinds: Record<Exclude<Access, 'open'>, string> = {
  admin: 'May do everything but what runners do, in every namespace.',
  operator: 'Defines, runs and aborts jobs in its namespaces; one for all namespaces sets runners too.',
  submitter:
    'Runs the jobs that are defined in its namespaces, and sees the executions that it has asked for.',
  viewer: 'Reads what is in its namespaces, runners and metrics.',
  registration: 'Lets machines register as runners, within its scope.',
  runner: 'One session of one runner; from its registration. Reaches only what is its own.',
}

const streams: Partial<Record<CallName, string>> = {
  commands:
    'Events with JSON for data: first `state`; ' +
    'then `ping`, `settings`, `enable`, `disable`, `leader`, `standby`, `abort`, `execute-script`, `delete`.',
  readLog:
    'With `follow=true`: events `log` with `{offset, base64}`, ' +
    'their id being the offset behind them, and at the end `end` with `{state}`.',
  events:
    'Events with a number for their id, and JSON for data: ' +
    'first `ready`, behind whose number changes follow; ' +
    'then one for each thing that has changed: `execution`, `job`, `runner`, `group`, `schedule`. ' +
    'The header `Last-Event-ID`, or `after`, asks for the changes behind a number: ' +
    'they are known for 10 minutes. In place of those that are not, or are too many, comes `reset`: ' +
    'all that the reader knows may have changed. Every 15 seconds comes a comment, ' +
    'with the id up to which nothing more is to come. A reader that does not read is dropped.',
}

const headers = {
  session: {
    name: 'Runner-Session',
    in: 'header',
    required: true,
    description: 'The number of the session, as its registration said. An older one is refused.',
    schema: { type: 'integer', minimum: 1 },
  },
  idempotent: {
    name: 'Idempotency-Key',
    in: 'header',
    description: 'The same key with the same body gives the same execution, for each token and 24 hours.',
    schema: { type: 'string', minLength: 1, maxLength: 255 },
  },
}

/** The document; each call makes it anew. */
export function openApiDocument(): Json {
  const schemas: Json = {}
  const calls = callNames.map(name => [name, specOf(name)] as const)
  const paths: Record<string, Json> = {}
  for (const [name, call] of calls) {
    const method = call.method.toLowerCase()
    paths[call.path] = { ...paths[call.path], [method]: operation(name, call, schemas) }
  }
  for (const [, call] of calls)
    for (const event of Object.values(call.events ?? {})) component(event, schemas)
  const [, problem] = [Credentials, Problem, SecretValues].map(schema => component(schema, schemas))
  return {
    openapi: '3.1.0',
    info: {
      title: 'runner server',
      version: '1',
      description:
        'The messages between runners, operators and the server. ' +
        'Times are RFC 3339 in UTC, durations seconds. Clients ignore fields that they do not know; ' +
        'the server refuses them. `?pretty` indents any JSON answer.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas,
      responses: {
        Problem: {
          description: problemTable(),
          content: { 'application/problem+json': { schema: problem } },
        },
      },
      securitySchemes: Object.fromEntries(
        Object.entries(kinds).map(([kind, description]) => [
          kind,
          { type: 'http', scheme: 'bearer', description },
        ]),
      ),
    },
  }
}

function operation(name: CallName, call: CallSpec, schemas: Json): Json {
  const parameters = [
    ...parametersOf(call.params, 'path'),
    ...parametersOf(call.query, 'query'),
    ...(call.session ? [headers.session] : []),
    ...(call.idempotent ? [headers.idempotent] : []),
  ]
  const body = bodyOf(call, schemas)
  const answers = Object.entries(call.answers).map(([status, answer]) => [
    status,
    answerOf(name, Number(status), answer, schemas),
  ])
  return {
    operationId: name,
    summary: call.summary,
    tags: [call.path.match(/^\/v1\/(\w+)/)?.[1] ?? 'service'],
    security: call.access.flatMap(kind => (kind === 'open' ? [] : [{ [kind]: [] }])),
    ...defined({ parameters: parameters.length === 0 ? undefined : parameters, requestBody: body }),
    responses: {
      ...Object.fromEntries(answers),
      default: { $ref: '#/components/responses/Problem' },
    },
  }
}

function parametersOf(schema: TSchema | undefined, place: 'path' | 'query'): Json[] {
  const {
    properties = {},
    patternProperties = {},
    required = [],
  } = (schema ?? {}) as {
    properties?: Record<string, Json>
    patternProperties?: Record<string, Json>
    required?: string[]
  }
  // OpenAPI has no names of a pattern: the title stands for them.
  const named = Object.values(patternProperties).map(
    ({ title, ...schema }) => [String(title), schema] as const,
  )
  return [...Object.entries(properties), ...named].map(([name, { description, ...schema }]) => ({
    name,
    in: place,
    ...defined({ required: required.includes(name) || undefined, description }),
    schema,
  }))
}

function bodyOf({ body, bodyType, form }: CallSpec, schemas: Json): Json | undefined {
  if (bodyType !== undefined) return { required: true, content: { [bodyType]: {} } }
  if (body === undefined) return undefined
  const schema = component(body, schemas)
  const asForm = form && {
    'multipart/form-data': {
      schema: { type: 'object', required: [form], properties: { [form]: { type: 'string' } } },
    },
  }
  return { required: true, content: { 'application/json': { schema }, ...asForm } }
}

function answerOf(
  name: CallName,
  status: number,
  answer: TSchema | readonly MediaType[] | null,
  schemas: Json,
): Json {
  const description = (status === 200 && streams[name]) || words[status]!
  if (answer === null) return { description }
  if (!isMedia(answer))
    return { description, content: { 'application/json': { schema: component(answer, schemas) } } }
  return {
    description,
    content: Object.fromEntries(answer.map(media => [media, { schema: { type: 'string' } }])),
  }
}

const isMedia = (answer: TSchema | readonly MediaType[]): answer is readonly MediaType[] =>
  Array.isArray(answer)

const words: Record<number, string> = {
  200: 'Done.',
  201: 'Made.',
  202: 'Under way.',
  302: 'Elsewhere: the header Location says where.',
  204: 'Done; there is nothing to say.',
  503: 'It does not work.',
}

/** A schema as the document has it: those with an `$id` become components. */
function component(schema: TSchema, schemas: Json): Json {
  const plain = JSON.parse(JSON.stringify(schema)) as Json
  return lift(plain, schemas) as Json
}

/** The same for any part of a schema; `place` is where the document has its components. */
export function lift(value: unknown, schemas: Json, place = '#/components/schemas/'): unknown {
  if (Array.isArray(value)) return value.map(item => lift(item, schemas, place))
  if (typeof value !== 'object' || value === null) return value
  const { $id, ...rest } = value as Json
  const lifted = Object.fromEntries(
    Object.entries(rest).map(([key, item]) => [key, lift(item, schemas, place)]),
  )
  // A property may be called $id; a schema's is a text.
  if (typeof $id !== 'string')
    return $id === undefined ? lifted : { $id: lift($id, schemas, place), ...lifted }
  schemas[$id] = lifted
  return { $ref: `${place}${$id}` }
}

function problemTable(): string {
  const rows = Object.entries(problems).map(
    ([reason, [status, title]]) =>
      `| \`${problemType(reason as keyof typeof problems)}\` | ${status} | ${title} |`,
  )
  return ['Why it was refused.', '', '| type | status | title |', '| --- | --- | --- |', ...rows].join('\n')
}
