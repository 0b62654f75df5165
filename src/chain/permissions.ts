import type { Diagnostic } from '../config/diagnostic.ts'
import { distrusted, type Trust } from '../system/trust.ts'

/** Complaints about files that somebody who is not trusted could have written (system/trust.ts). */
export function untrusted(paths: readonly string[], trust: Trust): Diagnostic[] {
  return distrusted(paths, trust).map(({ path, message, hint }) => ({
    severity: 'error',
    reason: 'untrusted',
    file: path,
    message,
    hint,
  }))
}
