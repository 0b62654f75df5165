import { printable, shown } from '../../system/printable.ts'

/** Lines that are kept of the output of the running tasks: more than any screen has. */
const mostLines = 500
/** Characters that are kept of a line. */
const longestLine = 4096
/** Bytes that are looked at of one piece of output: far more than can be seen. */
const mostBytes = 65536

interface Line {
  task: string
  text: string
}

/** The last lines of the running tasks, in the order in which they were begun. */
export class OutputTail {
  #lines: Line[] = []
  readonly #decoders = new Map<string, TextDecoder>()
  /** The line of each running task that has not ended. */
  readonly #unended = new Map<string, Line>()

  begin(task: string): void {
    this.end(task)
    this.#decoders.set(task, new TextDecoder())
  }

  /** Forgets the lines of a task, which has ended. */
  end(task: string): void {
    this.#lines = this.#lines.filter(line => line.task !== task)
    this.#unended.delete(task)
    this.#decoders.delete(task)
  }

  add(task: string, data: Uint8Array): void {
    const decoder = this.#decoders.get(task)
    // A process that the task has left in the background.
    if (decoder === undefined) return
    const text = decoder.decode(data.subarray(-mostBytes), { stream: true })
    const [first = '', ...more] = text.split('\n')
    const unended = this.#unended.get(task)
    if (unended !== undefined) unended.text = `${unended.text}${first}`.slice(-longestLine)
    const fresh = (unended === undefined ? [first, ...more] : more).map(text => ({ task, text }))
    const last = fresh.at(-1) ?? unended
    const isEmpty = last?.text === '' && last !== unended
    this.#lines.push(...(isEmpty ? fresh.slice(0, -1) : fresh))
    if (last === undefined || isEmpty) this.#unended.delete(task)
    else this.#unended.set(task, last)
    this.#lines.splice(0, Math.max(0, this.#lines.length - mostLines))
  }

  /** The last lines, at most `count`: with the name of their task where `named`. */
  lines(count: number, named: boolean): string[] {
    return this.#lines.slice(-count).map(({ task, text }) => {
      const name = named ? `${shown(task)} ` : ''
      return `    ${name}| ${printable(text).replaceAll('\t', ' ')}`
    })
  }
}
