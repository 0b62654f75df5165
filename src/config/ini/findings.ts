import type { Diagnostic } from '../diagnostic.ts'

/**
 * The number of complaints of one kind that are worth reading: a file that is not a configuration has
 * millions.
 */
const limit = 100

/** Collects the complaints about one file, in the order of its lines, at most 100 of each kind. */
export class Findings {
  readonly #file: string
  readonly #found: (Diagnostic & { line: number })[] = []
  readonly #counts = new Map<string, number>()

  constructor(file: string) {
    this.#file = file
  }

  warning(reason: string, line: number, message: string, hint: string): void {
    this.#add('warning', reason, line, message, hint)
  }

  error(reason: string, line: number, message: string, hint: string): void {
    this.#add('error', reason, line, message, hint)
  }

  #add(severity: 'error' | 'warning', reason: string, line: number, message: string, hint: string): void {
    const count = (this.#counts.get(reason) ?? 0) + 1
    this.#counts.set(reason, count)
    if (count <= limit) this.#found.push({ severity, reason, file: this.#file, line, message, hint })
  }

  list(): Diagnostic[] {
    const list: Diagnostic[] = this.#found.toSorted((one, other) => one.line - other.line)
    for (const [reason, count] of this.#counts) {
      if (count <= limit) continue
      const { severity } = list.find(finding => finding.reason === reason)!
      const message = `${count - limit} more lines of the kind ${reason} are not shown`
      list.push({ severity, reason, file: this.#file, message, hint: 'fix those above first' })
    }
    return list
  }
}

/** A piece of a file for a message: in double quotes, on one line, not longer than a line. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 59)}…` : text)
}
