import { escaped } from '../process/printable.ts'

/** One complaint about what a person wrote: what is wrong, where, and what to do instead. */
export interface Diagnostic {
  /** A notice tells of what may well be right. */
  severity: 'error' | 'warning' | 'notice'
  /** A fact in kebab-case that programs can match. */
  reason: string
  file?: string
  /** 1-based. */
  line?: number
  message: string
  /** What to write or do instead. */
  hint?: string
}

/** `runner.cfg:12: error: message` and, on a second line, the hint; whatever names are in them, no more lines. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, severity, message, hint } = diagnostic
  const place = file === undefined ? '' : line === undefined ? `${file}: ` : `${file}:${line}: `
  const text = escaped(`${place}${severity}: ${message}`)
  return hint === undefined ? text : `${text}\n    ${escaped(hint)}`
}
