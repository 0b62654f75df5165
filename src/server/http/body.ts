/* The bodies of requests, before they are checked. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CallName } from '../../protocol/api.ts'
import type { CallSpec } from '../../protocol/call.ts'
import { parseWithin } from '../../protocol/json-bounds.ts'
import { errorCode, errorText } from '../../result.ts'
import { answerRefusal } from '../wire/raw-response.ts'
import { bodySeconds, boundsOf } from './body-limits.ts'
import type { BodyWatch } from './body-watch.ts'
import { closeAfterAnswer, http2Request } from './http2.ts'
import { endWith } from './listener.ts'

/** A body that cannot be read. */
export class InvalidBody extends Error {
  readonly statusCode = 400
}

/** A body of which there is too much to look through. */
export class TooLargeBody extends Error {
  readonly statusCode = 413
}

export const takesBody = ({ body, bodyType }: CallSpec): boolean =>
  body !== undefined || bodyType !== undefined

/** Parses the JSON of a call, unless there is too much in it. */
export function parseBody(
  call: CallName,
  bytes: string | Buffer,
): { value: unknown } | InvalidBody | TooLargeBody {
  if (bytes.length === 0)
    return new InvalidBody('the body is empty, and its Content-Type is application/json')
  const parsed = parseWithin(Buffer.from(bytes), boundsOf(call))
  if (parsed.ok) return { value: parsed.value }
  const { tooMuch, detail } = parsed.failure
  return tooMuch ? new TooLargeBody(`the body ${detail}`) : new InvalidBody(`the body ${detail}`)
}

/**
 * The body of a call that takes none, whatever its content type says: clients that send JSON or a form by
 * habit send nothing, or an empty object.
 */
export function parseUnwanted(text: string): unknown {
  if (text.trim() === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

export function isEmptyBody(body: unknown): boolean {
  return body === undefined || body === null || (typeof body === 'object' && Object.keys(body).length === 0)
}

/** One part of a form, as its parser gives it. */
type FormPart =
  | { type: 'file'; fieldname: string; toBuffer(): Promise<Buffer> }
  | { type: 'field'; fieldname: string; value: unknown }

/**
 * The content of the field `file` of a form, which may be a file or a plain field; undefined where it is
 * missing.
 */
export async function formFile(parts: AsyncIterable<FormPart>): Promise<Buffer | undefined> {
  try {
    for await (const part of parts) {
      if (part.type === 'file') {
        const content = await part.toBuffer()
        if (part.fieldname === 'file') return content
      } else if (part.fieldname === 'file') return Buffer.from(String(part.value))
    }
    return undefined
  } catch (error) {
    // The parser's own errors have no code.
    if (errorCode(error) !== 'unknown') throw error
    throw new InvalidBody(`the form cannot be read: ${errorText(error)}`)
  }
}

/** Whether some of the body has not arrived yet. */
export function isComing(request: IncomingMessage): boolean {
  const { complete, headers } = request
  const overHttp2 = http2Request(request)
  const hasBody =
    overHttp2 === undefined
      ? headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
      : !overHttp2.stream.endAfterHeaders
  return hasBody && !complete
}

/**
 * Asks for a body that the client holds back (`Expect: 100-continue`), and ends the request if the body is
 * late.
 */
export function awaitBody(
  bodies: BodyWatch,
  request: IncomingMessage,
  response: ServerResponse,
  limit: number,
): void {
  if (!isComing(request)) return
  const length = Number(request.headers['content-length'] ?? limit)
  if (length > limit) return
  if (/^100-continue$/i.test(request.headers.expect ?? '')) response.writeContinue()
  bodies.await(request, bodySeconds(length), () => {
    if (response.headersSent) request.socket.destroy()
    else if (http2Request(request) === undefined) endWith(request.socket, 'ERR_HTTP_REQUEST_TIMEOUT')
    else answerLate(response)
  })
}

/** HTTP/2: ends the one request, and no other one on its connection. */
function answerLate(response: ServerResponse): void {
  closeAfterAnswer(response)
  answerRefusal(response, { reason: 'request-timeout' }, 'none')
}
