import { StoreFailure, type StoreFailureReason } from '../failure.ts'

/** The reason for each SQLSTATE (postgresql.org/docs/15/errcodes-appendix.html). */
const reasons: Record<string, StoreFailureReason> = {
  '25006': 'read-only',
  '53100': 'disk-full',
  '53300': 'unavailable',
  XX001: 'damaged',
  XX002: 'damaged',
}

/** The SQLSTATE of an error that PostgreSQL has sent; undefined for an error of the connection. */
export const sqlState = (error: unknown): string | undefined => {
  const { code, severity } = error as { code?: string; severity?: string }
  return severity === undefined ? undefined : code
}

/**
 * System codes for a server that is not there yet, or cannot be reached yet. ENOENT: there is no socket of
 * that name.
 */
const passing = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
])

/**
 * Whether the error of an attempt to connect may pass by itself: PostgreSQL is away, is starting, or has no
 * free connection.
 */
export function mayPass(error: unknown): boolean {
  const state = sqlState(error)
  if (state !== undefined) return /^(08|53300|57P0[123])/.test(state)
  const { code, message } = error as { code?: string; message?: string }
  if (code !== undefined) return passing.has(code)
  // The library pg gives these errors no code.
  return /^(timeout expired|Query read timeout|Connection terminated)/.test(message ?? '')
}

/** The text of an error. An error about several addresses of one name has the texts of all of them. */
export function textOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '')
    return [...new Set(error.errors.map(textOf))].join('; ')
  return error instanceof Error ? error.message : String(error)
}

/** Makes a failure of an error of PostgreSQL, or of the connection to it. */
export function explainPostgres(error: unknown): StoreFailure {
  if (error instanceof StoreFailure) return error
  const message = textOf(error)
  const state = sqlState(error)
  const { severity } = error as { severity?: string }
  // These errors end a connection, or keep one from being made, and all count as `unavailable`: a database or
  // a user that is missing may come back. The severity may be translated, so the classes of codes are
  // compared as well.
  const gone = state === undefined || severity === 'FATAL' || /^(08|28|3D|57P)/.test(state)
  if (gone)
    return new StoreFailure(
      reasons[state ?? ''] ?? 'unavailable',
      `PostgreSQL cannot be reached: ${message}`,
      { cause: error },
    )
  return new StoreFailure(reasons[state] ?? 'failed', `PostgreSQL failed: ${message}`, { cause: error })
}
