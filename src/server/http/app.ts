import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import multipart from '@fastify/multipart'
import { type FastifyError, type FastifyInstance, type FastifyRequest, fastify } from 'fastify'
import { type CallName, callNames, specOf } from '../../protocol/api.ts'
import { defined, ok, type Result } from '../../result.ts'
import type { TokenRow } from '../../store/rows.ts'
import type { FoundSession } from '../browser/sessions.ts'
import type { Refusal } from '../rules/refusal.ts'
import { answerError, answerProblem, answerUnknown, record } from './answer.ts'
import { awaitBody, formFile, parseBody, parseUnwanted, takesBody } from './body.ts'
import { bodyLimit } from './body-limits.ts'
import { BodyWatch } from './body-watch.ts'
import { requestCheck } from './check-request.ts'
import type { Handler, Handlers } from './handler.ts'
import { answerPage } from './page-answer.ts'
import { type Reply, send } from './send.ts'
import type { Services } from './services.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    call?: CallName
  }
  interface FastifyRequest {
    /** When it began, in monotonic seconds. */
    began: number
    token: TokenRow | undefined
    /** The session that stands for the token, of a browser that has signed in. */
    browser: FoundSession | undefined
    /** The address of the client, behind trusted proxies too. */
    address: string
    /** The change that the call made is in the audit log. */
    audited: boolean
  }
}

/** Makes a server that hands its requests to a function. */
export type MakeServer = (handler: (request: IncomingMessage, response: ServerResponse) => void) => Server

/** The HTTP side of the server: every call of protocol/api.ts as a route, its errors as problem documents. */
export async function makeApp(
  services: Services,
  handlers: Handlers,
  makeServer: MakeServer,
): Promise<FastifyInstance> {
  let requests = 0
  const bodies = new BodyWatch(services.clock)
  const prefix = services.context.chance.id().slice(0, 8)
  const app = fastify({
    serverFactory: handler => makeServer(handler),
    genReqId: () => `${prefix}-${(++requests).toString(36)}`,
    bodyLimit: bodyLimit('register'),
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 256 },
    frameworkErrors: (error, request, reply) => answerError(services, error, request, reply),
    return503OnClosing: false,
  })
  app.decorateRequest('began', 0)
  app.decorateRequest('token', undefined)
  app.decorateRequest('browser', undefined)
  app.decorateRequest('address', '')
  app.decorateRequest('audited', false)
  app.addHook('onRequest', async request => {
    request.address = services.addressOf(request.socket.remoteAddress, request.headers)
  })
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(services, error, request, reply))
  app.removeContentTypeParser('application/json')
  // A plugin's input may have any name, `__proto__` too: no code assigns to a name of it, and objects are
  // copied name by name.
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const parsed = parseBody(request.routeOptions.config.call ?? 'register', body)
    if (parsed instanceof Error) done(parsed)
    else done(null, parsed.value)
  })
  app.setNotFoundHandler(async (request, reply) => {
    if (!(await answerPage(services, request, reply))) answerUnknown(services, request, reply)
    return reply
  })
  await app.register(async scope => {
    await scope.register(multipart, {
      limits: { fileSize: bodyLimit('restore'), files: 1, fields: 10, parts: 11, headerPairs: 50 },
    })
    for (const name of callNames) if (parserOf(name) === 'form') addRoute(scope, name)
  })
  await app.register(async scope => {
    // Bytes of any type, and of none.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body))
    for (const name of callNames) if (parserOf(name) === 'bytes') addRoute(scope, name)
  })
  await app.register(async scope => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', { parseAs: 'string' }, (_, body, done) =>
      done(null, parseUnwanted(body.toString())),
    )
    for (const name of callNames) if (parserOf(name) === 'none') addRoute(scope, name)
  })
  for (const name of callNames) if (parserOf(name) === 'json') addRoute(app, name)
  return app

  function addRoute<N extends CallName>(scope: FastifyInstance, name: N): void {
    const spec = specOf(name)
    const handler: Handler<N> = handlers[name]
    const check = requestCheck(name)
    scope.route({
      method: spec.method,
      config: { call: name },
      url: spec.path.replace(/\{(\w+)\}/g, ':$1'),
      bodyLimit: bodyLimit(name),
      onRequest: (request, reply, next) => {
        request.began = services.clock.monotonic()
        const begin = () => {
          awaitBody(bodies, request.raw, reply.raw, bodyLimit(name))
          next()
        }
        if (spec.access.includes('open')) return begin()
        services.auth.authenticate(request, spec).then(found => {
          // The audit log gets a refused call also where the call takes another kind of token.
          const { token, browser } = found.ok ? found.value : found.failure
          request.token = token
          request.browser = browser
          const carries = request.headers.authorization !== undefined
          if (!found.ok && token === undefined && carries) services.audit.failedLogin(request, found.failure)
          if (!found.ok) return void answerProblem(services, request, reply, found.failure)
          services.unauthenticated.authenticated(request.raw.socket)
          begin()
        }, next)
      },
      handler: async (request, reply) => {
        await run(name, check, handler, request, reply)
        return reply
      },
    })
  }

  /** Whether the token is still valid once the whole request is there: its body may have taken minutes. */
  async function stillHolds(name: CallName, request: FastifyRequest): Promise<Result<unknown, Refusal>> {
    const spec = specOf(name)
    const { token, browser } = request
    const caller = token && { token, ...defined({ browser }) }
    if (spec.access.includes('open') || (caller !== undefined && services.auth.stillHolds(caller, spec)))
      return ok(undefined)
    return services.auth.authenticate(request, spec)
  }

  async function run<N extends CallName>(
    name: N,
    check: ReturnType<typeof requestCheck<N>>,
    handler: Handler<N>,
    request: FastifyRequest,
    reply: Reply,
  ): Promise<void> {
    const checked = check(request)
    if (!checked.ok) return void answerProblem(services, request, reply, checked.failure)
    const { id, raw } = request
    const isForm = parserOf(name) === 'form' && raw.headers['content-type']?.startsWith('multipart/form-data')
    const form = isForm ? { file: await formFile(request.parts()) } : undefined
    const holds = await stillHolds(name, request)
    if (!holds.ok) return void answerProblem(services, request, reply, holds.failure)
    const { namespace } = checked.value.rights ?? {}
    const change = services.audit.changesBy(
      request,
      name,
      specOf(name).reach === 'name' ? (namespace ?? null) : null,
    )
    const { address, token, browser } = request
    const credential = browser?.session.id ?? token?.id ?? ''
    const caller = { address, browser, credential }
    const call = { ...checked.value, ...caller, id, request: raw, response: reply.raw, form, change }
    const result = await handler(call, services)
    // Such a call carries its token in its body.
    if (!result.ok && token === undefined && isFailedLogin(result.failure))
      services.audit.failedLogin(request, result.failure)
    if (!result.ok) return void answerProblem(services, request, reply, result.failure)
    await send(result.value, request, reply, services.clock)
    record(services, request, result.value === 'taken' ? 200 : result.value.status)
  }
}

const isFailedLogin = ({ reason }: Refusal): boolean =>
  reason === 'bad-token' || reason === 'wrong-token-kind' || reason === 'too-many-requests'

/** The parser for the body of a call. */
function parserOf(name: CallName): 'form' | 'bytes' | 'json' | 'none' {
  const spec = specOf(name)
  if (spec.form !== undefined) return 'form'
  if (spec.bodyType !== undefined) return 'bytes'
  return takesBody(spec) ? 'json' : 'none'
}
