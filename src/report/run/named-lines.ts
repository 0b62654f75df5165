import type { Event } from '../../event.ts'
import { shown } from '../../system/printable.ts'

const newline = 10
/** Bytes of a line that are kept until it ends; a longer line is shown in pieces. */
const longestLine = 65536

/**
 * Makes lines of the output of several tasks that write at once: each begins with the name of its task. A
 * line waits until it has ended, or the try has.
 */
export class NamedLines {
  readonly #unended = new Map<string, Buffer>()

  /** The lines that have ended with this output. */
  take({ task, data }: Extract<Event, { data: Uint8Array }>): Buffer {
    const bytes = Buffer.concat([this.#unended.get(task) ?? Buffer.alloc(0), data])
    const end = bytes.length > longestLine ? bytes.length : bytes.lastIndexOf(newline) + 1
    this.#unended.set(task, Buffer.from(bytes.subarray(end)))
    return named(task, bytes.subarray(0, end))
  }

  /** The rest of a task's output, which has no line feed at its end. */
  end(task: string): Buffer {
    const rest = this.#unended.get(task) ?? Buffer.alloc(0)
    this.#unended.delete(task)
    return named(task, rest)
  }
}

function named(task: string, bytes: Buffer): Buffer {
  const prefix = Buffer.from(`${shown(task)} | `)
  const lines: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    const feed = bytes.indexOf(newline, at)
    const end = feed === -1 ? bytes.length : feed
    lines.push(prefix, bytes.subarray(at, end), Buffer.from('\n'))
    at = end + 1
  }
  return Buffer.concat(lines)
}
