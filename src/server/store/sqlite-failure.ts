import { errorText } from '../../result.ts'
import { StoreFailure, type StoreFailureReason } from './failure.ts'

/** Primary result codes of SQLite (sqlite.org/rescode.html), and codes of the system. */
const reasons: Record<string, StoreFailureReason> = {
  8: 'read-only',
  11: 'damaged',
  13: 'disk-full',
  26: 'damaged',
  EDQUOT: 'disk-full',
  ENOSPC: 'disk-full',
  EROFS: 'read-only',
}

/** What an error of SQLite, or of a file beside it, means. */
export function explainSqlite(error: unknown): StoreFailure {
  if (error instanceof StoreFailure) return error
  const { code, errcode } = error as { code?: string; errcode?: number }
  const reason = reasons[errcode === undefined ? String(code) : errcode & 0xff] ?? 'failed'
  return new StoreFailure(reason, `the store failed: ${errorText(error)}`, { cause: error })
}
