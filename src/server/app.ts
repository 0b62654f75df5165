import type { Server as HttpServer, IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import multipart from '@fastify/multipart'
import {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
} from 'fastify'
import { api, type CallName, type Call as CallSpec } from '../protocol/api.ts'
import { parseWithin } from '../protocol/json-bounds.ts'
import { checkOf, type Part } from '../protocol/validation.ts'
import { errorCode, errorText } from '../result.ts'
import { bodyLimit, bodySeconds, boundsOf } from './body-limits.ts'
import { BodyWatch } from './body-watch.ts'
import type { Answer, Handler, Handlers } from './call.ts'
import { type HttpRefusal, problemMediaType, problemText, statusOf, waitOf } from './http-problems.ts'
import { listText } from './json-list.ts'
import { endWith } from './listener.ts'
import { StoreFailure } from './store/failure.ts'
import type { TokenRow } from './store/store.ts'
import type { World } from './world.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    call?: CallName
  }
  interface FastifyRequest {
    /** When it began, in monotonic seconds. */
    began: number
    token: TokenRow | undefined
  }
}

/** What is wrong with a request by its schema. */
class Invalid extends Error {
  readonly statusCode = 400
}

/** A body of which there is too much to look through. */
class TooMuch extends Error {
  readonly statusCode = 413
}

const plainQuery = {
  type: 'object',
  properties: { pretty: { type: 'string', maxLength: 5 } },
  additionalProperties: false,
}
const calls = Object.entries(api) as [CallName, CallSpec][]

/** The HTTP side of the server: every call of protocol/api.ts as a route, its errors as problem documents. */
export async function makeApp(
  world: World,
  handlers: Handlers,
  makeServer: (handler: (request: never, response: never) => void) => HttpServer,
): Promise<FastifyInstance> {
  let requests = 0
  const bodies = new BodyWatch(world.clock)
  const prefix = world.context.chance.id().slice(0, 8)
  const app = fastify({
    serverFactory: handler => makeServer(handler as never),
    genReqId: () => `${prefix}-${(++requests).toString(36)}`,
    bodyLimit: bodyLimit('register'),
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 256 },
    frameworkErrors: (error, request, reply) => answerError(world, error, request, reply as never),
    return503OnClosing: false,
  })
  app.decorateRequest('began', 0)
  app.decorateRequest('token', undefined)
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(world, error, request, reply))
  app.removeContentTypeParser('application/json')
  // Any name is a name in a plugin's input, and none is assigned to here: objects are copied name by name.
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const parsed = bodyOf(request, body as Buffer)
    if (parsed instanceof Error) done(parsed)
    else done(null, parsed.value)
  })
  app.setNotFoundHandler((request, reply) => answerUnknown(world, request, reply))
  app.setValidatorCompiler(({ schema, httpPart }) => {
    const part = partOf(httpPart)
    const check = checkOf(part, schema as object)
    return value => {
      const problem = part === 'body' ? check(value) : (nulIn(part, value) ?? check(value))
      return problem === undefined ? { value } : { error: new Invalid(problem) }
    }
  })
  await app.register(async scope => {
    await scope.register(multipart, {
      limits: { fileSize: bodyLimit('restore'), files: 1, fields: 10, parts: 11, headerPairs: 50 },
    })
    addRoute(scope, 'restore', api.restore)
  })
  await app.register(async scope => {
    // Bytes of any type, and of none.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
    addRoute(scope, 'appendLog', api.appendLog)
  })
  await app.register(async scope => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_, body, done) =>
      done(null, bodyOfNone(body.toString())),
    )
    for (const [name, spec] of calls) if (!takesBody(spec)) addRoute(scope, name, spec)
  })
  for (const [name, spec] of calls)
    if (takesBody(spec) && name !== 'restore' && name !== 'appendLog') addRoute(app, name, spec)
  return app

  function addRoute(scope: FastifyInstance, name: CallName, spec: CallSpec): void {
    const handler = handlers[name]
    scope.route({
      method: spec.method,
      config: { call: name },
      url: spec.path.replace(/\{(\w+)\}/g, ':$1'),
      schema: {
        ...(spec.params === undefined ? {} : { params: spec.params }),
        // A form is taken apart by its handler.
        ...(spec.body === undefined || name === 'restore' ? {} : { body: spec.body }),
        querystring: spec.query ?? plainQuery,
      },
      bodyLimit: bodyLimit(name),
      onRequest: (request, reply, next) => {
        request.began = world.clock.monotonic()
        if (spec.access.includes('open')) return next()
        const { authorization } = request.headers
        world.auth.authenticate(authorization, request.ip, spec.access).then(found => {
          // A call of an administrator is written down, also where it takes another kind of token.
          request.token = found.ok ? found.value : found.failure.token
          if (!found.ok) return answerProblem(world, request, reply, found.failure)
          world.unauthenticated.authenticated(request.raw.socket)
          awaitBody(bodies, request, reply, bodyLimit(name))
          next()
        }, next)
      },
      handler: async (request, reply) => {
        await run(name, spec, handler, request, reply)
        return reply
      },
    })
  }

  async function run(
    name: CallName,
    spec: CallSpec,
    handler: Handler,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const problem = headerProblem(spec, request)
    if (problem !== undefined) return void answerProblem(world, request, reply, problem)
    const result = await handler(
      {
        id: request.id,
        params: request.params as Record<string, string>,
        query: request.query as Record<string, unknown>,
        body: request.body,
        token: request.token,
        session: Number(request.headers['runner-session'] ?? 0),
        request: request.raw,
        response: reply.raw,
        form: name === 'restore' && request.isMultipart() ? () => formFile(request) : undefined,
      },
      world,
    )
    if (!result.ok) return answerProblem(world, request, reply, result.failure)
    await send(result.value, request, reply, world)
    finished(world, request, result.value === 'taken' ? 200 : result.value.status)
  }
}

/** A JSON body, unless there is too much in it. */
function bodyOf(request: FastifyRequest, bytes: Buffer): { value: unknown } | Invalid | TooMuch {
  if (bytes.length === 0) return new Invalid('the body is empty, and its Content-Type is application/json')
  const parsed = parseWithin(bytes, boundsOf(callOf(request) ?? 'register'))
  if (parsed.ok) return { value: parsed.value }
  const { tooMuch, detail } = parsed.failure
  return tooMuch ? new TooMuch(`the body ${detail}`) : new Invalid(`the body ${detail}`)
}

/** The content of the field `file` of a form, be it a file or a plain field. */
async function formFile(request: FastifyRequest): Promise<Buffer | undefined> {
  try {
    for await (const part of request.parts()) {
      if (part.type === 'file') {
        const content = await part.toBuffer()
        if (part.fieldname === 'file') return content
      } else if (part.fieldname === 'file') return Buffer.from(String(part.value))
    }
    return undefined
  } catch (error) {
    // The parser's own errors have no code.
    if (errorCode(error) !== 'unknown') throw error
    throw new Invalid(`the form cannot be read: ${errorText(error)}`)
  }
}

/** Whether some of the body has not come yet. */
function isComing({ complete, headers }: IncomingMessage): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  return hasBody && !complete
}

/** Seconds for which a body that nobody wants is still read, so that the client gets to see the answer. */
const linger = 1

/** An answer to a request whose body is still coming ends the connection: the rest of the body is not waited for. */
function closeBehind(world: World, { raw }: FastifyRequest, reply: FastifyReply): void {
  if (!isComing(raw)) return
  reply.header('connection', 'close')
  const { socket } = raw
  const closed = new AbortController()
  socket.once('close', () => closed.abort())
  // What Node calls behind the last answer: to destroy at once what is still being sent would take the answer with it.
  socket.destroySoon = () => {
    socket.end()
    void world.clock.sleep(linger, closed.signal).then(() => socket.destroy())
  }
}

/** Asks for a body that the client holds back (`Expect: 100-continue`), and sees to it that it comes in time. */
function awaitBody(
  bodies: BodyWatch,
  { raw }: FastifyRequest,
  { raw: response }: FastifyReply,
  limit: number,
): void {
  if (!isComing(raw)) return
  const length = Number(raw.headers['content-length'] ?? limit)
  if (length > limit) return
  if (/^100-continue$/i.test(raw.headers.expect ?? '')) response.writeContinue()
  bodies.await(raw, bodySeconds(length), () => {
    if (response.headersSent) raw.socket.destroy()
    else endWith(raw.socket, 'ERR_HTTP_REQUEST_TIMEOUT')
  })
}

async function send(
  answer: Answer,
  request: FastifyRequest,
  reply: FastifyReply,
  world: World,
): Promise<void> {
  if (answer === 'taken') return void reply.hijack()
  if ('list' in answer) return sendList(answer, request, reply, world)
  closeBehind(world, request, reply)
  reply.code(answer.status).header('cache-control', 'no-store')
  if ('json' in answer) {
    const text = JSON.stringify(answer.json, null, indentOf(request))
    reply.type('application/json; charset=utf-8').send(`${text}\n`)
  } else if ('text' in answer) {
    // A log is what a job wrote: no browser is to take it for a page.
    reply.type(answer.type).header('x-content-type-options', 'nosniff')
    const { text, etag } = answer
    if (etag !== undefined) {
      reply.header('etag', etag).header('cache-control', 'no-cache')
      if (request.headers['if-none-match'] === etag) return void reply.code(304).send()
    }
    reply.send(typeof text === 'string' || Buffer.isBuffer(text) ? text : Readable.from(text))
  } else reply.send()
}

/** Sends a list in pieces. What keeps it from beginning is told as any other failure; later it breaks off. */
async function sendList(
  { status, list }: Extract<Answer, { list: unknown }>,
  request: FastifyRequest,
  reply: FastifyReply,
  world: World,
): Promise<void> {
  const pieces = listText(list, indentOf(request))
  const first = await pieces.next()
  closeBehind(world, request, reply)
  reply.code(status).header('cache-control', 'no-store').type('application/json; charset=utf-8')
  const all = async function* () {
    yield first.value ?? ''
    yield* pieces
  }
  reply.send(first.done ? '' : Readable.from(all()))
}

/** `?pretty` indents by two spaces; `?pretty=false` does not. */
function indentOf({ query }: FastifyRequest): number | undefined {
  const { pretty } = (query ?? {}) as { pretty?: unknown }
  return pretty === undefined || pretty === 'false' ? undefined : 2
}

const takesBody = ({ body, bodyType }: CallSpec): boolean => body !== undefined || bodyType !== undefined

/**
 * What a call that takes no body was sent, whatever its content type says: clients that send JSON or a form by habit
 * send nothing, or an empty object.
 */
function bodyOfNone(text: string): unknown {
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** What the schemas cannot say: the session, and a body where there is to be none. */
function headerProblem(spec: CallSpec, request: FastifyRequest): HttpRefusal | undefined {
  const session = request.headers['runner-session']
  if (spec.session && !/^[1-9]\d{0,14}$/.test(String(session)))
    return {
      reason: 'malformed',
      detail: 'this call needs the header Runner-Session with the number of the session',
    }
  // Bytes are not looked through: each of them is a key of its buffer.
  if (!takesBody(spec) && !isEmpty(request.body))
    return { reason: 'malformed', detail: 'this call takes no body' }
  return undefined
}

function isEmpty(body: unknown): boolean {
  return body === undefined || body === null || (typeof body === 'object' && Object.keys(body).length === 0)
}

function answerProblem(
  world: World,
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: HttpRefusal,
): void {
  closeBehind(world, request, reply)
  const wait = waitOf(refusal)
  if (wait !== undefined) reply.header('retry-after', wait)
  if (refusal.reason === 'bad-token') reply.header('www-authenticate', 'Bearer')
  reply
    .code(statusOf(refusal))
    .header('cache-control', 'no-store')
    .type(problemMediaType)
    .send(problemText(refusal, request.id, indentOf(request)))
  finished(world, request, statusOf(refusal))
  const { reason, detail } = refusal
  world.log('debug', 'refused', { request: request.id, call: callOf(request), reason, detail })
}

const callOf = (request: FastifyRequest) => request.routeOptions.config.call

/** Measures a call that has been answered, and writes down those of administrators. */
function finished(world: World, request: FastifyRequest, status: number): void {
  const name = callOf(request)
  // What has no route has no beginning either.
  const seconds = !(request.began > 0) ? 0 : world.clock.monotonic() - request.began
  world.metrics.request(name ?? 'unknown', status, seconds)
  const { token } = request
  if (token?.kind !== 'admin') return
  world.audit.write({
    at: world.clock.now().toISOString(),
    request_id: request.id,
    token_id: token.id,
    token_name: token.name,
    address: request.ip,
    call: name ?? 'unknown',
    method: request.method,
    path: request.url.split('?')[0]!,
    status,
  })
}

function answerUnknown(world: World, request: FastifyRequest, reply: FastifyReply): void {
  const path = request.url.split('?')[0]!
  const methods = calls.flatMap(([, spec]) => (fits(spec.path, path) ? spec.method : []))
  if (methods.length === 0)
    return void answerProblem(world, request, reply, {
      reason: 'not-found',
      detail: 'no call has this path; GET /openapi.json lists them',
    })
  reply.header('allow', methods.join(', '))
  answerProblem(world, request, reply, {
    reason: 'method-not-allowed',
    detail: `this path takes ${methods.join(', ')}`,
  })
}

function fits(pattern: string, path: string): boolean {
  const [names, parts] = [pattern.split('/'), path.split('/')]
  return (
    names.length === parts.length && names.every((name, at) => name.startsWith('{') || name === parts[at])
  )
}

function partOf(httpPart: string | undefined): Part {
  return httpPart === 'body' ? 'body' : httpPart === 'params' ? 'path' : 'query'
}

/** No name, id or search text has a NUL in it, and no database looks for one. */
function nulIn(part: Part, value: unknown): string | undefined {
  const entries = Object.entries((value ?? {}) as Record<string, unknown>)
  const [name] = entries.find(([key, text]) => `${key}${text}`.includes('\0')) ?? []
  return name === undefined ? undefined : `the ${part} has a NUL character in ${JSON.stringify(name)}`
}

/** Errors of fastify and its parsers are the client's; all others are ours, and only the log says more. */
function answerError(world: World, error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  // The client has gone away, or was too slow, before all of its request had come.
  if (isComing(request.raw) && request.raw.destroyed) return
  const refusal = refusalOf(error, request)
  if (refusal !== undefined) return void answerProblem(world, request, reply, refusal)
  const storeFailed = error instanceof StoreFailure
  if (!world.outages.takes(error))
    world.log('error', 'a request failed', {
      request: request.id,
      method: request.method,
      path: request.url.split('?')[0],
      problem: errorText(error),
      stack: error.stack,
    })
  world.metrics.failed()
  if (!reply.sent) answerProblem(world, request, reply, { reason: storeFailed ? 'unavailable' : 'internal' })
}

function refusalOf(error: FastifyError, request: FastifyRequest): HttpRefusal | undefined {
  if (error instanceof Invalid) return { reason: 'malformed', detail: error.message }
  if (error instanceof TooMuch) return { reason: 'too-large', detail: error.message }
  if (!error.code?.startsWith('FST_')) return undefined
  switch (error.statusCode) {
    case 413:
      return { reason: 'too-large', detail: sizeText(request) }
    case 415:
      return { reason: 'unsupported-media-type', detail: 'send JSON, and Content-Type: application/json' }
    case 414:
      return { reason: 'not-found', detail: 'no name or id is that long' }
    case 400:
    case 406:
      return { reason: 'malformed', detail: error.message }
    default:
      return undefined
  }
}

/** How large a body is, as far as it says, and how large it may be. */
function sizeText(request: FastifyRequest): string {
  const length = request.headers['content-length']
  const limit = request.routeOptions.bodyLimit
  return `the body has ${length === undefined ? 'more' : `${length} bytes: more`} than the ${limit} bytes that this call takes`
}
