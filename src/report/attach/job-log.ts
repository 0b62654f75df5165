import { scanMarkers, withoutMarkers } from '../../protocol/markers.ts'
import { JobOutput } from '../job-output.ts'
import type { Out } from '../stream.ts'

/**
 * Shows the log of a job as it comes, as people read it, harmless onto a terminal, and keeps what its markers
 * say. Only a possible beginning of a marker is held back.
 */
export class JobLog {
  readonly comments: string[] = []
  statusLine: string | undefined
  readonly #out: JobOutput
  #unread = Buffer.alloc(0)
  #unshown = ''
  readonly #onTerminal: boolean
  #atLineStart = true

  constructor(out: Out) {
    this.#out = new JobOutput(out)
    this.#onTerminal = out.terminal === true
  }

  /** The bytes may be reused once this has returned. */
  write(bytes: Uint8Array): void | Promise<void> {
    this.#unread = Buffer.concat([this.#unread, bytes])
    const { comments, status_line, scanned } = scanMarkers(this.#unread)
    this.comments.push(...comments)
    this.statusLine = status_line ?? this.statusLine
    this.#unread = this.#unread.subarray(scanned)
    const text = this.#unshown + Buffer.from(bytes).toString('latin1')
    const open = text.slice(text.lastIndexOf('\n') + 1).match(/#(#(\[[a-z: ]{0,20})?)?$/)
    const end = open === null ? text.length : text.length - open[0].length
    this.#unshown = text.slice(end)
    return this.#show(text.slice(0, end))
  }

  /** Ends a line that has no end, so that other lines can follow. */
  end(): void | Promise<void> {
    const rest = this.#unshown
    this.#unshown = ''
    const line = this.#atLineStart && rest === '' ? '' : `${rest}${rest.endsWith('\n') ? '' : '\n'}`
    void this.#show(this.#onTerminal ? rest : line)
    return this.#out.end()
  }

  /** Call it before other lines are written on the same terminal. */
  fresh(): void | Promise<void> {
    return this.#out.fresh()
  }

  #show(text: string): void | Promise<void> {
    if (text === '') return
    this.#atLineStart = text.endsWith('\n')
    return this.#out.write(Buffer.from(withoutMarkers(text), 'latin1'))
  }
}
