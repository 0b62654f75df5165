import type { Emit, Event } from '../../event.ts'
import type { Verbosity } from '../describe.ts'
import { JobOutput } from '../job-output.ts'
import type { Out } from '../stream.ts'
import { NamedLines } from './named-lines.ts'

const newline = 10

/**
 * Writes the output of tasks as it comes, harmless onto a terminal, and knows whether it has left a line half
 * written. Where several tasks may write at once, it writes whole lines with the name of their task.
 */
export class OutputLines {
  readonly #out: JobOutput
  readonly #verbosity: Verbosity
  readonly #onTerminal: boolean
  #atLineStart = true
  #named: NamedLines | undefined

  constructor(out: Out, verbosity: Verbosity) {
    this.#out = new JobOutput(out)
    this.#onTerminal = out.terminal === true
    this.#verbosity = verbosity
  }

  /** Shows output: that of tasks unless quiet, that of hooks when verbose. */
  show(event: Extract<Event, { data: Uint8Array }>): void | Promise<void> {
    const shown = event.event === 'try:output' ? this.#verbosity !== 'quiet' : this.#verbosity === 'verbose'
    if (!shown || event.data.length === 0) return
    const data = this.#named?.take(event) ?? event.data
    if (data.length === 0) return
    this.#atLineStart = data.at(-1) === newline
    return this.#out.write(data)
  }

  /**
   * Learns from an event without output whether several tasks may write, and shows the rest of the output of
   * one that has ended.
   */
  follow(event: Event): void | Promise<void> {
    if (event.event === 'run:started')
      this.#named = event.parallel === undefined ? undefined : new NamedLines()
    if (event.event !== 'try:ended' && event.event !== 'hook:ended') return
    const rest = this.#named?.end(event.task)
    return rest === undefined || rest.length === 0 ? undefined : this.#out.write(rest)
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
    void output.follow(event)
    return output.end()
  }
}
