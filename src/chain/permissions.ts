import type { Diagnostic } from '../config/diagnostic.ts'
import { distrusted, type Trust } from '../process/trust.ts'

/** What stands against using these files, as complaints (process/trust.ts). */
export function untrusted(paths: readonly string[], trust: Trust): Diagnostic[] {
  return distrusted(paths, trust).map(({ path, message, hint }) => ({
    severity: 'error',
    reason: 'untrusted',
    file: path,
    message,
    hint,
  }))
}
