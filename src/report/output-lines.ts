import type { Emit, Event } from '../event.ts'
import type { Verbosity } from './describe.ts'
import type { Out } from './stream.ts'

const newline = 10

/** Writes the output of tasks as it comes, and knows whether it has left a line half written. */
export class OutputLines {
  readonly #out: Out
  readonly #verbosity: Verbosity
  #atLineStart = true

  constructor(out: Out, verbosity: Verbosity) {
    this.#out = out
    this.#verbosity = verbosity
  }

  /** Shows output: that of tasks unless quiet, that of hooks when verbose. */
  show(event: Event & { data: Uint8Array }): void | Promise<void> {
    const shown = event.event === 'try:output' ? this.#verbosity !== 'quiet' : this.#verbosity === 'verbose'
    if (!shown || event.data.length === 0) return
    this.#atLineStart = event.data.at(-1) === newline
    return this.#out.write(event.data)
  }

  /** What is to be written before a new line can begin. */
  end(): '' | '\n' {
    const rest = this.#atLineStart ? '' : '\n'
    this.#atLineStart = true
    return rest
  }
}

/** Writes the output of tasks and nothing else (none when quiet); each try begins on a line of its own. */
export function outputReporter(out: Out, verbosity: Verbosity): Emit {
  const output = new OutputLines(out, verbosity)
  return event => {
    if ('data' in event) return output.show(event)
    const rest = output.end()
    return rest === '' ? undefined : out.write(rest)
  }
}
