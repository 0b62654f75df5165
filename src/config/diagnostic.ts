/** One complaint about what a person wrote: what is wrong, where, and what to do instead. */
export interface Diagnostic {
  severity: 'error' | 'warning'
  /** A fact in kebab-case that programs can match. */
  reason: string
  file?: string
  /** 1-based. */
  line?: number
  message: string
  /** What to write or do instead. */
  hint?: string
}

/** `runner.cfg:12: error: message` and, on a second line, the hint. */
export function formatDiagnostic(diagnostic: Diagnostic): string {
  const { file, line, severity, message, hint } = diagnostic
  const place = file === undefined ? '' : line === undefined ? `${file}: ` : `${file}:${line}: `
  return `${place}${severity}: ${message}${hint === undefined ? '' : `\n    ${hint}`}`
}
