import { StoreFailure, type StoreFailureReason } from './failure.ts'

/** SQLSTATEs (postgresql.org/docs/15/errcodes-appendix.html). */
const reasons: Record<string, StoreFailureReason> = {
  '25006': 'read-only',
  '53100': 'disk-full',
  '53300': 'unavailable',
  XX001: 'damaged',
  XX002: 'damaged',
}

/** Errors of PostgreSQL about a request; all others are about the connection to it. */
export const sqlState = (error: unknown): string | undefined => {
  const { code, severity } = error as { code?: string; severity?: string }
  return severity === undefined ? undefined : code
}

/** Codes of the system for a server that is not there, or not reached, yet; ENOENT is its socket. */
const passing = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENOENT', 'ETIMEDOUT', 'EHOSTUNREACH', 'EHOSTDOWN'],
  ...['ENETUNREACH', 'ENETDOWN', 'ENOTFOUND', 'EAI_AGAIN'],
])

/** Whether an error of a connection that is being made passes by itself: PostgreSQL is away, starts, or is full. */
export function mayPass(error: unknown): boolean {
  const state = sqlState(error)
  if (state !== undefined) return /^(08|53300|57P0[123])/.test(state)
  const { code, message } = error as { code?: string; message?: string }
  if (code !== undefined) return passing.has(code)
  // Texts of pg, which gives them no code.
  return /^(timeout expired|Query read timeout|Connection terminated)/.test(message ?? '')
}

/** The text of an error; where each address of a name has failed, the errors have the texts. */
export function textOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '')
    return [...new Set(error.errors.map(textOf))].join('; ')
  return error instanceof Error ? error.message : String(error)
}

/** What an error of PostgreSQL, or of the connection to it, means. */
export function explainPostgres(error: unknown): StoreFailure {
  if (error instanceof StoreFailure) return error
  const message = textOf(error)
  const state = sqlState(error)
  const { severity } = error as { severity?: string }
  // Connection exceptions, and those that end a connection or keep one from being made, for which others may be the
  // reason: a database or a user that is not there (any more) may be there again. The severity may be translated.
  const gone = state === undefined || severity === 'FATAL' || /^(08|28|3D|57P)/.test(state)
  if (gone)
    return new StoreFailure(
      reasons[state ?? ''] ?? 'unavailable',
      `PostgreSQL cannot be reached: ${message}`,
      { cause: error },
    )
  return new StoreFailure(reasons[state] ?? 'failed', `PostgreSQL failed: ${message}`, { cause: error })
}
