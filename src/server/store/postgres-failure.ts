import { StoreFailure, type StoreFailureReason } from './failure.ts'

/** SQLSTATEs (postgresql.org/docs/15/errcodes-appendix.html). */
const reasons: Record<string, StoreFailureReason> = {
  '25006': 'read-only',
  '53100': 'disk-full',
  XX001: 'damaged',
  XX002: 'damaged',
}

/** Errors of PostgreSQL about a request; all others are about the connection to it. */
export const sqlState = (error: unknown): string | undefined => {
  const { code, severity } = error as { code?: string; severity?: string }
  return severity === undefined ? undefined : code
}

/** What an error of PostgreSQL, or of the connection to it, means. */
export function explainPostgres(error: unknown): StoreFailure {
  if (error instanceof StoreFailure) return error
  const { message } = error as Error
  const state = sqlState(error)
  // Connection exceptions, and those that end a connection.
  const gone = state === undefined || /^(08|57P)/.test(state)
  if (gone)
    return new StoreFailure('unavailable', `PostgreSQL cannot be reached: ${message}`, { cause: error })
  return new StoreFailure(reasons[state] ?? 'failed', `PostgreSQL failed: ${message}`, { cause: error })
}
