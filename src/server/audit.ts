import { appendFile } from 'node:fs/promises'
import { errorText } from '../result.ts'
import type { Log } from './log.ts'

/** One call of an administrator. */
export interface AuditEntry {
  at: string
  request_id: string
  token_id: string
  token_name: string
  address: string
  call: string
  method: string
  /** Without the query. */
  path: string
  status: number
}

export interface Audit {
  write(entry: AuditEntry): void
  /** Resolves when all is written. */
  close(): Promise<void>
}

/**
 * Appends to a file of JSON lines, mode 0600, which may be moved away at any time. A disk that cannot take an entry
 * costs the record, never the call, and the log says so.
 */
export function openAudit(file: string, log: Log): Audit {
  let pending = ''
  let writing: Promise<void> | undefined
  const flush = async () => {
    while (pending !== '') {
      const text = pending
      pending = ''
      try {
        await appendFile(file, text, { mode: 0o600 })
      } catch (error) {
        log('error', 'the audit log cannot be written', { file, problem: errorText(error) })
      }
    }
    writing = undefined
  }
  return {
    write(entry) {
      pending += `${JSON.stringify(entry)}\n`
      writing ??= flush()
    },
    close: async () => writing,
  }
}
