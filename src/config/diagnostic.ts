import { escaped } from '../system/printable.ts'

/** One complaint about a text that a person wrote: the problem, its place, and the remedy. */
export interface Diagnostic {
  /** A notice is about a text that may well be right. */
  severity: 'error' | 'warning' | 'notice'
  /** A fact in kebab-case that programs can match. */
  reason: string
  /** The section that it is about, where the name of a task could make it right. */
  section?: string
  file?: string
  /** 1-based. */
  line?: number
  message: string
  /** The remedy. */
  hint?: string
}

/** A complaint about a value, without its place. */
export type Complaint = Pick<Diagnostic, 'message'> & Required<Pick<Diagnostic, 'hint'>>

/**
 * `runner.cfg:12: error: message` and, on a second line, the hint; never more lines, whatever names are in
 * them.
 */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, severity, message, hint } = diagnostic
  const place = file === undefined ? '' : line === undefined ? `${file}: ` : `${file}:${line}: `
  const text = escaped(`${place}${severity}: ${message}`)
  return hint === undefined ? text : `${text}\n    ${escaped(hint)}`
}
