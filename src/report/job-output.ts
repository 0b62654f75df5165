import { TerminalText } from '../process/printable.ts'
import type { Out } from './stream.ts'

/** Writes the output of jobs and tasks: harmless onto a terminal, byte for byte anywhere else. */
export class JobOutput {
  readonly #out: Out
  #shown: TerminalText | undefined
  readonly #onTerminal: boolean

  constructor(out: Out) {
    this.#out = out
    this.#onTerminal = out.terminal === true
  }

  write(data: Uint8Array | string): void | Promise<void> {
    if (!this.#onTerminal) return this.#out.write(data)
    this.#shown ??= new TerminalText()
    return this.#write(this.#shown.push(data))
  }

  /** To be called before other words are written, on the same terminal: they get a line of their own. */
  fresh(): void | Promise<void> {
    return this.#write(this.#shown?.fresh() ?? '')
  }

  /** To be called when the output is over; another one may follow. */
  end(): void | Promise<void> {
    const rest = this.#shown?.end() ?? ''
    this.#shown = undefined
    return this.#write(rest)
  }

  #write(text: string): void | Promise<void> {
    return text === '' ? undefined : this.#out.write(text)
  }
}
