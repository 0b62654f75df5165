import type { Emit, Event } from '../../event.ts'
import type { Verbosity } from '../describe.ts'
import { JobOutput } from '../job-output.ts'
import type { Out } from '../stream.ts'

const newline = 10

/**
 * Writes the output of tasks as it comes, harmless onto a terminal, and knows whether it has left a line half
 * written.
 */
export class OutputLines {
  readonly #out: JobOutput
  readonly #verbosity: Verbosity
  readonly #onTerminal: boolean
  #atLineStart = true

  constructor(out: Out, verbosity: Verbosity) {
    this.#out = new JobOutput(out)
    this.#onTerminal = out.terminal === true
    this.#verbosity = verbosity
  }

  /** Shows output: that of tasks unless quiet, that of hooks when verbose. */
  show(event: Event & { data: Uint8Array }): void | Promise<void> {
    const shown = event.event === 'try:output' ? this.#verbosity !== 'quiet' : this.#verbosity === 'verbose'
    if (!shown || event.data.length === 0) return
    this.#atLineStart = event.data.at(-1) === newline
    return this.#out.write(event.data)
  }

  /** Ends a line that has been left half written, before a new one can begin. */
  end(): void | Promise<void> {
    if (this.#onTerminal) return this.#out.end()
    const rest = this.#atLineStart ? '' : '\n'
    this.#atLineStart = true
    return rest === '' ? undefined : this.#out.write(rest)
  }
}

/** Writes the output of tasks and nothing else (none when quiet); each try begins on a line of its own. */
export function outputReporter(out: Out, verbosity: Verbosity): Emit {
  const output = new OutputLines(out, verbosity)
  return event => {
    if ('data' in event) return output.show(event)
    return output.end()
  }
}
