import fc from 'fast-check'
import t from 'tap'
import { openApiDocument } from '../../../src/protocol/openapi.ts'
import { serverTest } from '../../support/server.ts'
import { stores } from '../../support/stores.ts'
import { runs } from '../../support/tier.ts'

/** Requests for each operation. */
const attempts = runs(20)
/** Calls that wait, or that end what this test works with. */
const left = new Set(['POST /v1/runners/{id}/reserve', 'DELETE /v1/tokens/{id}', 'POST /v1/scripts'])

type Schema = Record<string, unknown> & {
  properties?: Record<string, Schema>
  items?: Schema
  anyOf?: Schema[]
  required?: string[]
}
type Document = {
  paths: Record<
    string,
    Record<
      string,
      {
        parameters?: { name: string; in: string }[]
        requestBody?: { content: Record<string, { schema: Schema }> }
      }
    >
  >
  components: { schemas: Record<string, Schema> }
}
// The document is JSON of no type; this is what OpenAPI has there.
const document = openApiDocument() as unknown as Document

/** Values that fit a schema more or less: the right keys, mostly the right types, and anything at all. */
function near(schema: Schema | undefined, depth = 0): fc.Arbitrary<unknown> {
  const odd = fc.jsonValue({ maxDepth: 2 })
  if (schema === undefined || depth > 6) return odd
  const reference = typeof schema.$ref === 'string' ? schema.$ref.split('/').at(-1) : undefined
  if (reference !== undefined) return near(document.components.schemas[reference], depth + 1)
  const seldomOdd = (arbitrary: fc.Arbitrary<unknown>) =>
    fc.oneof({ weight: 12, arbitrary }, { weight: 1, arbitrary: odd })
  if (Array.isArray(schema.enum)) return seldomOdd(fc.constantFrom(...schema.enum))
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(one => near(one, depth + 1)))
  if (schema.properties !== undefined) {
    const fields = Object.entries(schema.properties).map(
      ([name, one]) => [name, near(one, depth + 1)] as const,
    )
    const requiredKeys = (schema.required ?? []).filter(name => Object.hasOwn(schema.properties!, name))
    return seldomOdd(fc.record(Object.fromEntries(fields), { requiredKeys }))
  }
  if (schema.type === 'array') return seldomOdd(fc.array(near(schema.items, depth + 1), { maxLength: 4 }))
  if (schema.type === 'integer')
    return seldomOdd(fc.oneof(fc.integer({ min: 0, max: 5 }), fc.maxSafeInteger()))
  if (schema.type === 'number') return seldomOdd(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.double()))
  if (schema.type === 'boolean') return seldomOdd(fc.boolean())
  if (schema.type === 'string')
    return seldomOdd(
      typeof schema.pattern === 'string'
        ? fc.oneof(fc.stringMatching(new RegExp(schema.pattern)), fc.string())
        : fc.string({ unit: 'binary', maxLength: 20 }),
    )
  return odd
}

serverTest(t, 'whatever is sent by any call, nothing fails', { stores }, async (t, server) => {
  const runner = await server.runner()
  const { id } = await server.submit()
  await server.call('PUT', '/v1/jobs/known', { body: { image: 'i' } })
  const admin = server.token('admin')
  const tokens = fc.constantFrom(admin, admin, runner.token, server.token('registration'))
  const parameter = fc.oneof(
    fc.constantFrom(id, runner.id, 'known', 'default'),
    fc.uuid(),
    fc.string({ unit: 'binary' }),
  )
  for (const [path, operations] of Object.entries(document.paths))
    for (const [method, { parameters = [], requestBody }] of Object.entries(operations)) {
      const call = `${method.toUpperCase()} ${path}`
      if (left.has(call)) continue
      // Events that were asked for come without an end.
      const isEndless = path.endsWith('/commands') || path === '/v1/events'
      const inQuery = parameters.filter(one => one.in === 'query').map(one => one.name)
      const [type, content] = Object.entries(requestBody?.content ?? {})[0] ?? []
      await fc.assert(
        fc.asyncProperty(
          fc.record({
            token: tokens,
            params: fc.array(parameter, { minLength: 2, maxLength: 2 }),
            query: fc.dictionary(
              fc.constantFrom('x', ...inQuery),
              fc.oneof(fc.string(), fc.nat().map(String)),
              { maxKeys: 3 },
            ),
            body: near(content?.schema),
            session: fc.constantFrom('1', '1', '2', '0', 'x'),
          }),
          async ({ token, params, query, body, session }) => {
            let next = 0
            const filled = path.replace(
              /\{\w+\}/g,
              () => encodeURIComponent(params[next++]!.toWellFormed()) || '-',
            )
            // A log that is followed has no end.
            delete query.follow
            const answer = await server
              .call(method.toUpperCase(), `${filled}?${new URLSearchParams(query)}`, {
                token,
                headers: { 'runner-session': session },
                ...(type === undefined
                  ? {}
                  : {
                      body: JSON.stringify(body),
                      headers: { 'runner-session': session, 'content-type': type },
                    }),
                signal: AbortSignal.timeout(isEndless ? 300 : 20_000),
              })
              .catch(error => {
                if (isEndless && error.name === 'TimeoutError') return undefined
                throw error
              })
            if (answer === undefined) return
            if (answer.status >= 500) throw new Error(`${call}: ${answer.text}`)
            // People see what the calls of a sign-in by an identity provider answer.
            const shown = path.startsWith('/v1/oidc/') && /^<!doctype html>/.test(answer.text)
            if (answer.status >= 400 && answer.json?.status !== answer.status && !shown)
              throw new Error(`${call}: ${answer.text}`)
          },
        ),
        { numRuns: attempts, endOnFailure: true },
      )
      t.pass(call)
    }
  t.equal((await server.call('GET', '/health')).status, 200)
  t.notMatch(server.run.text, /"level":"error"/)
})
