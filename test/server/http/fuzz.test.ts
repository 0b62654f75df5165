import assert from 'node:assert/strict'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import t from 'tap'
import { problemReason, problems } from '../../../src/protocol/problem.ts'
import { fromSchema, hostile, hostileText, type Schema, spoilt } from '../../support/from-schema.ts'
import { serverTest, type TestRunner, type TestServer } from '../../support/server.ts'

interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required?: boolean
  schema: Schema
}
type Content = Record<string, { schema?: Schema }>
interface Operation {
  operationId: string
  security: Record<string, never[]>[]
  parameters?: Parameter[]
  requestBody?: { content: Content }
  responses: Record<string, { content?: Content }>
}
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Schema> }
}
interface Endpoint {
  method: string
  path: string
  operation: Operation
}

/** What is sent, as far as it does not depend on what is there. */
interface Shot {
  endpoint: Endpoint
  /** Places of values among those that are there, or values of their own. */
  path: (number | string)[]
  query: [name: string, value: string][]
  body: unknown
  raw: string | undefined
  contentType: string
  token: number
  session: string | undefined
  key: string | undefined
}

const settings = {
  ...{ lease_seconds: 3600, confirm_within_seconds: 3600, ping_interval_seconds: 3600 },
  ...{ late_result_seconds: 86400 },
}
const runs = 900

/** How a schema writes a value where there is only text. */
const asText = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

function shots(document: Document): fc.Arbitrary<Shot> {
  const resolve = (ref: string) => document.components.schemas[ref.replace('#/components/schemas/', '')]!
  const endpoints = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  )
  const mostly = <T>(good: fc.Arbitrary<T>, bad: fc.Arbitrary<T>) =>
    fc.oneof({ weight: 5, arbitrary: good }, { weight: 1, arbitrary: bad })
  const shot = (endpoint: Endpoint): fc.Arbitrary<Shot> => {
    const { parameters = [], requestBody } = endpoint.operation
    const query = parameters.filter(one => one.in === 'query')
    const schema = requestBody?.content['application/json']?.schema
    const body = schema === undefined ? fc.constant(undefined) : fromSchema(schema, resolve)
    const pairs = query.map(({ name, required, schema }) => {
      const value = mostly(fromSchema(schema, resolve).map(asText), hostileText)
      return fc.option(fc.tuple(fc.constant(name), value), { freq: required ? 20 : 1, nil: undefined })
    })
    const params = parameters.filter(one => one.in === 'path')
    return fc.record({
      endpoint: fc.constant(endpoint),
      path: fc.tuple(...params.map(() => mostly<number | string>(fc.nat(9), hostileText))),
      query: fc
        .tuple(...pairs)
        .map(found => found.filter(one => one !== undefined) as Shot['query'])
        .chain(found =>
          mostly(
            fc.constant(found),
            fc.tuple(hostileText, hostileText).map(pair => [...found, pair]),
          ),
        ),
      body: fc.oneof({ weight: 4, arbitrary: body }, { weight: 4, arbitrary: spoilt(body) }, hostile),
      raw: fc.oneof(
        { weight: 9, arbitrary: fc.constant(undefined) },
        fc.string({ unit: 'binary' }),
        fc.constantFrom('{', '[', '"', '{"a":1}x'),
      ),
      contentType: mostly(
        fc.constant('application/json'),
        fc.constantFrom('text/plain', 'application/octet-stream', 'multipart/form-data; boundary=x', '/', ''),
      ),
      token: mostly(fc.constant(0), fc.nat(5)),
      session: mostly(fc.constant(undefined), fc.constantFrom('0', '-1', '1e3', '999999', 'x', '')),
      key: mostly(fc.constant(undefined), fc.constantFrom('k', 'l', 'x'.repeat(300))),
    })
  }
  return fc.oneof(...endpoints.map(shot))
}

serverTest(
  t,
  'whatever is sent, an answer is as the document says, and a refusal changes nothing',
  { settings },
  async (t, server) => {
    t.setTimeout(120_000)
    const document = (await server.call('GET', '/openapi.json')).json as Document
    const world = await World.of(server)
    const ajv = new Ajv({ strict: false, allErrors: false })
    ajv.addSchema(document, 'api')
    const statuses = new Map<number, number>()
    let before: unknown
    const property = fc.asyncProperty(shots(document), async shot => {
      before ??= await world.look()
      const { response, text } = await world.fire(shot)
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1)
      const said = `${shot.endpoint.operation.operationId} ${response.status} ${text.slice(0, 500)}`
      assert.ok(response.status < 500, said)
      const type = (response.headers.get('content-type') ?? '').split(';')[0]!
      if (response.status >= 400) {
        assert.equal(type, 'application/problem+json', said)
        const problem = JSON.parse(text)
        const reason = problemReason(problem.type)
        assert.ok(reason !== undefined, said)
        assert.equal(problem.status, response.status, said)
        assert.equal(problems[reason][0], response.status, said)
        assert.doesNotMatch(text, /\bat .*\.[jt]s:\d/, 'no stack')
        if (shot.endpoint.method !== 'GET')
          assert.deepEqual(await world.look(), before, `a refusal has changed something: ${said}`)
        return
      }
      before = undefined
      const answer = shot.endpoint.operation.responses[response.status]
      assert.ok(answer !== undefined, `an answer that is not in the document: ${said}`)
      if (answer.content === undefined) assert.equal(text, '', said)
      else assert.ok(type in answer.content, said)
      const schema = answer.content?.['application/json']?.schema
      if (schema !== undefined && type === 'application/json') {
        const ref = JSON.parse(JSON.stringify(schema).replaceAll('#/', 'api#/'))
        assert.ok(ajv.validate(ref, JSON.parse(text)), `${ajv.errorsText()}: ${said}`)
      }
      await world.mend()
    })
    await fc.assert(property, { numRuns: runs, endOnFailure: true })
    t.comment(Object.fromEntries([...statuses].sort(([a], [b]) => a - b)))
    for (const status of [200, 201, 204, 400, 401, 403, 404])
      t.ok(statuses.has(status), `some calls were answered with ${status}`)
    t.notMatch(server.run.text, 'a request failed')
  },
)

/** A server with something of everything in it, and those who call it. */
class World {
  readonly #server: TestServer
  #runner: TestRunner
  readonly #tokens: (string | null)[]
  /** Values for parameters in paths. */
  #names: Record<'id' | 'name', string[]>

  private constructor(server: TestServer, runner: TestRunner, tokens: (string | null)[]) {
    this.#server = server
    this.#runner = runner
    this.#tokens = tokens
    this.#names = { id: [], name: ['a', 'default', 'none'] }
  }

  static async of(server: TestServer): Promise<World> {
    const viewer = await server.call('POST', '/v1/tokens', { body: { kind: 'viewer', name: 'v' } })
    const tokens = [server.token('admin'), viewer.json.token, server.token('registration'), 'x', null]
    const world = new World(server, await server.runner(), tokens)
    await world.mend()
    return world
  }

  /** Makes what calls that were answered have used up. */
  async mend(): Promise<void> {
    const beat = await this.#runner.heartbeat({ free_slots: 4 })
    if (beat.status !== 200) this.#runner = await this.#server.runner()
    const jobs = await this.#server.call('GET', '/v1/jobs/a')
    if (jobs.status !== 200)
      await this.#server.call('PUT', '/v1/jobs/a', { body: { image: 'i', secret_env: { A: 'b' } } })
    const list = (await this.#server.call('GET', '/v1/executions?limit=5')).json.items as { id: string }[]
    const token = await this.#server.call('POST', '/v1/tokens', { body: { kind: 'viewer', name: 't' } })
    this.#names.id = [this.#runner.id, ...list.map(({ id }) => id), token.json.id]
    if (list.length < 3) await this.#server.submit()
  }

  /** All that can be seen, but for what time does. */
  async look(): Promise<unknown> {
    const paths = [
      '/v1/jobs',
      '/v1/executions?limit=1000',
      '/v1/runners?limit=1000',
      '/v1/groups',
      '/v1/tokens?limit=1000',
    ]
    return Promise.all(
      paths.map(async path => {
        const { text } = await this.#server.call('GET', path)
        return text
          .replaceAll(/"sealed:v1:[^"]*"/g, '""')
          .replaceAll(
            /"(last_used_at|last_heartbeat_at|clock_difference_seconds|waiting_because)":("[^"]*"|[^,}]*)/g,
            '',
          )
      }),
    )
  }

  async fire(shot: Shot): Promise<{ response: Response; text: string }> {
    const { method, path, operation } = shot.endpoint
    let at = 0
    const filled = path.replace(/\{(\w+)\}/g, (_, name: 'id' | 'name') => {
      const value = shot.path[at++]!
      const values = this.#names[name]
      return encodeURIComponent(
        typeof value === 'number' ? values[value % values.length]! : value.toWellFormed(),
      )
    })
    const search = new URLSearchParams(
      shot.query.map(([name, value]) => [name.toWellFormed(), value.toWellFormed()]),
    )
    const forRunner = operation.security.some(kinds => 'runner' in kinds)
    const own = forRunner ? this.#runner.token : this.#tokens[0]!
    const token = [own, ...this.#tokens][shot.token]
    const sent = method === 'GET' ? {} : bodyOf(shot)
    const stop = new AbortController()
    const response = await this.#server.open(method, `${filled}${search.size === 0 ? '' : `?${search}`}`, {
      token: token ?? null,
      signal: stop.signal,
      headers: {
        ...(sent.body === undefined || shot.contentType === '' ? {} : { 'content-type': shot.contentType }),
        ...(forRunner ? { 'runner-session': shot.session ?? String(this.#runner.session) } : {}),
        ...(shot.key === undefined ? {} : { 'idempotency-key': shot.key }),
      },
      ...sent,
    })
    // A stream has no end.
    const endless = (response.headers.get('content-type') ?? '').startsWith('text/event-stream')
    const text = endless ? '' : await response.text()
    stop.abort()
    return { response, text }
  }
}

/** What would change something later, and how long that is put off. */
const times = { max_queue_seconds: 31_536_000, back_within_seconds: 3600, expires_in_seconds: 31_536_000 }

/** The body as it is sent; nobody is to wait for work here, and nothing to happen by itself. */
function bodyOf({ endpoint, body, raw }: Shot): { body?: string } {
  if (raw !== undefined) return { body: raw.toWellFormed() }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return body === undefined ? {} : { body: JSON.stringify(body) }
  const sent: Record<string, unknown> = { ...body }
  for (const [key, most] of Object.entries(times))
    if (typeof sent[key] === 'number' && sent[key] > 0 && sent[key] <= most) sent[key] = most
  const waits = ['reserve', 'script'].includes(endpoint.operation.operationId)
  const { wait_seconds: wait } = sent
  if (waits && (wait === undefined || (typeof wait === 'number' && wait >= 0 && wait <= 50)))
    sent.wait_seconds = 0
  return { body: JSON.stringify(sent) }
}
