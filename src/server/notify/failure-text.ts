import { errorText, ok, type Result } from '../../result.ts'
import { readPem } from '../../system/pem-file.ts'
import { NotAllowed } from './checked-lookup.ts'

const texts: Record<string, string> = {
  ECONNREFUSED: 'refuses the connection',
  ECONNRESET: 'closed the connection before it answered',
  EPIPE: 'closed the connection before it answered',
  UND_ERR_SOCKET: 'closed the connection before it answered',
  ENOTFOUND: 'is not the name of a host that DNS knows',
  EAI_AGAIN: 'cannot be looked up: DNS does not answer',
  ETIMEDOUT: 'does not answer',
  UND_ERR_CONNECT_TIMEOUT: 'does not answer',
  EHOSTUNREACH: 'cannot be reached from here',
  ENETUNREACH: 'cannot be reached from here',
  UND_ERR_HEADERS_OVERFLOW: 'sends headers without end',
  HPE_HEADER_OVERFLOW: 'sends headers without end',
}

/** Why a message did not reach a place, as a sentence that shows no secret: `shown` names the place. */
export function failureText(shown: string, error: unknown, signal: AbortSignal): string {
  if (signal.aborted) return `${shown} did not answer in time`
  for (const cause of causesOf(error)) {
    if (cause instanceof NotAllowed) return cause.message
    const { code } = cause as NodeJS.ErrnoException
    if (code !== undefined && Object.hasOwn(texts, code)) return `${shown} ${texts[code]}`
  }
  return `${shown} cannot be used: ${errorText(error).split('\n')[0]!.slice(0, 300)}`
}

/** An error, and what caused it. */
function causesOf(error: unknown): Error[] {
  const all: Error[] = []
  const add = (one: unknown) => {
    if (!(one instanceof Error) || all.length > 8) return
    all.push(one)
    add(one.cause)
    if (one instanceof AggregateError) for (const other of one.errors) add(other)
  }
  add(error)
  return all
}

/** The CAs of a target, as options of a connection. */
export function caOf({ ca_file }: { ca_file?: string | undefined }): Result<{ ca?: Buffer }, string> {
  if (ca_file === undefined) return ok({})
  const read = readPem(ca_file, 'ca', 'set ca_file to a file with certificates, or leave it out')
  return read.ok ? ok({ ca: read.value }) : read
}
