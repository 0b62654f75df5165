import { errorText } from '../../result.ts'
import { StoreFailure, type StoreFailureReason } from '../failure.ts'

/**
 * The reason for each primary result code of SQLite (sqlite.org/rescode.html), and for each code of the
 * system.
 */
const reasons: Record<string, StoreFailureReason> = {
  8: 'read-only',
  11: 'damaged',
  13: 'disk-full',
  26: 'damaged',
  EDQUOT: 'disk-full',
  ENOSPC: 'disk-full',
  EROFS: 'read-only',
}

/** Makes a failure of an error of SQLite, or of a file beside the database. */
export function explainSqlite(error: unknown): StoreFailure {
  if (error instanceof StoreFailure) return error
  const { code, errcode } = error as { code?: string; errcode?: number }
  const reason = reasons[errcode === undefined ? String(code) : errcode & 0xff] ?? 'failed'
  return new StoreFailure(reason, `the store failed: ${errorText(error)}`, { cause: error })
}
