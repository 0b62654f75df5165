/*
 * Answers requests that no handler answers, and measures every call.
 */
import type { FastifyError, FastifyRequest } from 'fastify'
import { callNames, specOf } from '../../protocol/api.ts'
import { errorText } from '../../result.ts'
import { StoreFailure } from '../../store/failure.ts'
import type { Refusal } from '../rules/refusal.ts'
import { statusOf } from '../wire/problems.ts'
import { InvalidBody, isComing, TooLargeBody } from './body.ts'
import { type Reply, sendProblem } from './send.ts'
import type { Services } from './services.ts'

/** Answers with a problem document. */
export function answerProblem(
  services: Services,
  request: FastifyRequest,
  reply: Reply,
  refusal: Refusal,
): void {
  sendProblem(refusal, request, reply, services.clock)
  record(services, request, statusOf(refusal), refusal)
  const { reason, detail } = refusal
  services.log('debug', 'refused', {
    request: request.id,
    call: request.routeOptions.config.call,
    address: request.address,
    reason,
    detail,
  })
}

/** Answers a request that has no route. */
export function answerUnknown(services: Services, request: FastifyRequest, reply: Reply): void {
  const path = pathOf(request)
  const specs = callNames.map(specOf)
  const methods = specs.flatMap(spec => (fits(spec.path, path) ? spec.method : []))
  if (methods.length === 0)
    return void answerProblem(services, request, reply, {
      reason: 'not-found',
      detail:
        'no call has this path: the address of a server is no more than https://host:port; ' +
        'GET /openapi.json lists the calls',
    })
  reply.header('allow', methods.join(', '))
  answerProblem(services, request, reply, {
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

/** Answers after an error: those of fastify and its parsers are the client's, all others go to the log. */
export function answerError(
  services: Services,
  error: FastifyError,
  request: FastifyRequest,
  reply: Reply,
): void {
  // The client went away, or was too slow, before all of its request had arrived.
  if (isComing(request.raw) && request.raw.destroyed) return
  const refusal = refusalOf(error, request)
  if (refusal !== undefined) return void answerProblem(services, request, reply, refusal)
  const storeFailed = error instanceof StoreFailure
  if (!services.outages.takes(error))
    services.log('error', 'a request failed', {
      request: request.id,
      method: request.method,
      path: pathOf(request),
      problem: errorText(error),
      stack: error.stack,
    })
  services.metrics.failed()
  if (!reply.sent)
    answerProblem(services, request, reply, { reason: storeFailed ? 'unavailable' : 'internal' })
}

function refusalOf(error: FastifyError, request: FastifyRequest): Refusal | undefined {
  if (error instanceof InvalidBody) return { reason: 'malformed', detail: error.message }
  if (error instanceof TooLargeBody) return { reason: 'too-large', detail: error.message }
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

/** The size of a body, where the request names it, and the limit. */
function sizeText(request: FastifyRequest): string {
  const length = request.headers['content-length']
  const size = length === undefined ? 'more' : `${length} bytes: more`
  return `the body has ${size} than the ${request.routeOptions.bodyLimit} bytes that this call takes`
}

/** Measures a call that has been answered, and puts it into the audit log where it belongs there. */
export function record(services: Services, request: FastifyRequest, status: number, refusal?: Refusal): void {
  const call = request.routeOptions.config.call ?? 'unknown'
  // A request without a route has no beginning either.
  const seconds = request.began > 0 ? services.clock.monotonic() - request.began : 0
  services.metrics.request(call, status, seconds)
  const { token } = request
  if (token !== undefined) services.audit.answered(request, token, status, refusal)
}

/** The path of a request, without its query. */
const pathOf = ({ url }: FastifyRequest): string => url.split('?')[0] ?? ''
