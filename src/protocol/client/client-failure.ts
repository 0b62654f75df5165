/*
 * The failures of calls, with messages that say how to fix them. No message has text of a token, a header or
 * a body in it.
 */

import { defined, errorCode } from '../../result.ts'
import { escaped } from '../../system/printable.ts'
import { type ProblemReason, problemReason } from '../problem.ts'

/** The reasons why a call got no answer from a runner server. */
export type NetworkReason =
  | 'server-refused'
  | 'name-unknown'
  | 'unreachable'
  | 'tls-failed'
  | 'proxy-failed'
  | 'timed-out'
  | 'connection-lost'
  | 'gateway-failed'
  | 'not-a-server'
  | 'answer-invalid'
  | 'stopped'

export interface ClientFailure {
  /** `unknown-problem`: a problem document of a newer server. */
  reason: ProblemReason | NetworkReason | 'unknown-problem'
  message: string
  /** The status of an answer. */
  status?: number
  /** The length of the log so far, after a chunk with the wrong offset. */
  length?: number
  /** The wait that the server asked for. */
  retry_after_seconds?: number
}

/** A failure of a call; of a token that was refused it names the file that has the token. */
export function withTokenFile<F extends Pick<ClientFailure, 'reason' | 'message'>>(
  failure: F,
  file: string | undefined,
): F {
  if (failure.reason !== 'bad-token' || file === undefined) return failure
  return { ...failure, message: `the token in ${file} was refused: ${failure.message}` }
}

/**
 * Failures that may be over by the next try. All others would be the same then: a wrong address, a wrong
 * token, a certificate that is not trusted, a request that is refused.
 */
const passing: ReadonlySet<ClientFailure['reason']> = new Set([
  'server-refused',
  'unreachable',
  'timed-out',
  'connection-lost',
  'gateway-failed',
  // A name server that is not up yet, as at boot.
  'name-unknown',
  'proxy-failed',
  'request-timeout',
  'too-many-requests',
  'quota-used-up',
  'internal',
  'unavailable',
])

/** Whether another try may succeed. */
export const isPassing = ({ reason }: ClientFailure): boolean => passing.has(reason)

const refused = new Set(['ECONNREFUSED', 'ENOENT'])
const names = new Set(['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_FAIL', 'EAI_NONAME'])
const unreachable = new Set(['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'EADDRNOTAVAIL', 'EACCES', 'EPERM'])
const timeouts = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
])
const untrusted = new RegExp(
  '^(CERT_|CRL_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|ERR_OSSL|' +
    'HOSTNAME_MISMATCH|INVALID_CA|PATH_LENGTH|EPROTO)',
)

/** Classifies an error of undici, which talked to a server, perhaps through a proxy. */
export function networkFailure(error: unknown, server: URL, through?: string): ClientFailure {
  const at = server.origin
  const found = causes(error)
  const code = found.map(errorCode).find(code => code !== 'unknown') ?? 'unknown'
  const any = (fits: (code: string) => boolean) => found.some(one => fits(errorCode(one)))
  const proxy = found.find(one => /^Proxy response/.test(messageOf(one)))
  if (proxy !== undefined)
    return {
      reason: 'proxy-failed',
      message: `the proxy does not pass on a connection to ${at}: ${escaped(messageOf(proxy))}`,
    }
  if (
    found.some(one => (one as Error | undefined)?.name === 'TimeoutError') ||
    any(code => timeouts.has(code))
  )
    return {
      reason: 'timed-out',
      message: `${at} does not answer in time; see whether it is up, and whether a firewall lets you through`,
    }
  if (through !== undefined && any(code => refused.has(code) || names.has(code) || unreachable.has(code)))
    return {
      reason: 'proxy-failed',
      message:
        `the proxy ${through}, or ${at} without it, ` +
        `cannot be reached (${code}); NO_PROXY says what needs none`,
    }
  if (any(code => refused.has(code)))
    return {
      reason: 'server-refused',
      message: `nothing listens at ${at}; start \`runner server\` there, or correct the address and its port`,
    }
  if (any(code => names.has(code)))
    return {
      reason: 'name-unknown',
      message:
        `the name ${server.hostname} cannot be resolved (${code}); ` +
        'correct the address, or see whether this host reaches its name server',
    }
  if (any(code => unreachable.has(code)))
    return { reason: 'unreachable', message: `there is no way to ${at} from here (${code})` }
  const tls = found.find(one => untrusted.test(errorCode(one)))
  if (tls !== undefined) return { reason: 'tls-failed', message: tlsText(errorCode(tls), server) }
  if (found.some(one => (one as Error | undefined)?.name === 'HTTPParserError'))
    return { reason: 'not-a-server', message: `the program at ${at} does not speak HTTP` }
  const hint =
    server.protocol === 'http:'
      ? '; if it serves TLS, say https://'
      : `; if it asks for a client certificate, ${giveOne}`
  return { reason: 'connection-lost', message: `the connection to ${at} broke (${code})${hint}` }
}

/** An error and all its causes. */
function causes(error: unknown): unknown[] {
  const all = [error]
  for (const one of all) {
    if (all.length > 20 || typeof one !== 'object' || one === null) break
    const { cause, errors } = one as { cause?: unknown; errors?: unknown }
    if (cause !== undefined) all.push(cause)
    if (Array.isArray(errors)) all.push(...errors)
  }
  return all
}

const giveOne = 'give one that it trusts: cert_file and key_file, or --cert-file and --key-file'

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

function tlsText(code: string, { origin, hostname }: URL): string {
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH|HTTP_REQUEST/.test(code))
    return `${origin} does not speak TLS; say http:// if it is meant to be so`
  if (/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS/.test(code))
    return `${origin} does not speak TLS 1.2 or above; update what serves it`
  if (/ALTNAME|HOSTNAME_MISMATCH/.test(code))
    return (
      `the certificate of ${origin} is not for the name ${hostname}: ` +
      'use a name that it is for, or another certificate'
    )
  if (/EXPIRED/.test(code)) return `the certificate of ${origin} has expired; are the clocks right?`
  if (/NOT_YET_VALID/.test(code))
    return `the certificate of ${origin} is not valid yet; are the clocks right?`
  if (/ALERT|CERTIFICATE_REQUIRED/.test(code))
    return `${origin} refuses the connection (${code}); if it asks for a client certificate, ${giveOne}`
  if (/SELF_SIGNED|UNABLE_TO|DEPTH_ZERO|ISSUER/.test(code))
    return (
      `the certificate of ${origin} is not trusted (${code}); ` +
      'name the CA that signed it in ca_file, or --ca-file'
    )
  return `no TLS connection to ${origin} can be made (${code})`
}

/** Characters of a server's text that are shown. */
const longestText = 2000

/** The failure for an answer with an error status, whether of a runner server or of another program. */
export function answerFailure(
  status: number,
  headers: Record<string, string | string[] | undefined>,
  text: string,
  server: URL,
): ClientFailure {
  const retryAfter = Number(headers['retry-after'])
  const later = Number.isFinite(retryAfter) && retryAfter > 0 ? { retry_after_seconds: retryAfter } : {}
  if (mediaType(headers) === 'application/problem+json') {
    const problem = asObject(text)
    if (problem !== undefined) {
      const reason = problemReason(problem.type) ?? 'unknown-problem'
      const said = [problem.title, problem.detail].filter(part => typeof part === 'string').join(': ')
      const request =
        reason === 'internal' && typeof problem.instance === 'string' ? problem.instance : undefined
      const which = request === undefined ? '' : ` (request ${request})`
      const message = escaped((said.slice(0, longestText) || `status ${status}`) + which)
      const { length } = problem
      const isLength = typeof length === 'number' && Number.isSafeInteger(length) && length >= 0
      return { reason, message, status, ...defined({ length: isLength ? length : undefined }), ...later }
    }
  }
  if (status === 502 || status === 503 || status === 504)
    return {
      reason: 'gateway-failed',
      message: `a proxy before ${server.origin} does not reach the server (status ${status})`,
      status,
      ...later,
    }
  return { ...notAServer(server, `status ${status}`), status }
}

/** The failure for an answer of a program that is not a runner server. */
export function notAServer(server: URL, said: string): ClientFailure {
  const program = `the program at ${server.origin}`
  const message = `${program} is not a runner server (${escaped(said)}); correct the address`
  return { reason: 'not-a-server', message }
}

/** The failure for an answer that the protocol does not have. */
export function answerInvalid(server: URL, call: string, what: string): ClientFailure {
  const message =
    `${server.origin} answers the call ${call} ` + `with something that the protocol does not have: ${what}`
  return { reason: 'answer-invalid', message }
}

/** The media type of an answer, without parameters. */
export function mediaType(headers: Record<string, string | string[] | undefined>): string {
  return String(headers['content-type'] ?? '')
    .split(';')[0]!
    .trim()
    .toLowerCase()
}

function asObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
