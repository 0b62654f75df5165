import { TerminalText } from '../system/printable.ts'
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

  /** Call it before other lines are written on the same terminal: they get a line of their own. */
  fresh(): void | Promise<void> {
    return this.#write(this.#shown?.fresh() ?? '')
  }

  /** Ends the output; another one may follow. */
  end(): void | Promise<void> {
    const rest = this.#shown?.end() ?? ''
    this.#shown = undefined
    return this.#write(rest)
  }

  #write(text: string): void | Promise<void> {
    return text === '' ? undefined : this.#out.write(text)
  }
}
