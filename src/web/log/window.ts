/* The part of a log that is in memory: the visible lines, and a few before and after them. */
import { AnsiReader, type Segment } from './ansi.ts'
import { cut, firstBegin, type Piece } from './lines.ts'

/** Bytes of a log as they were read; `length` is that of the whole log, `head` as `GET …/log` has it. */
export interface Range {
  offset: number
  bytes: Uint8Array
  length: number
  head: number | null
}

/** Reads at most `most` bytes, from the first one at or after an offset that is kept. */
export type ReadRange = (offset: number, most: number) => Promise<Range>

/** A piece of a log as it is shown; `dropped` in place of bytes that the server has not kept. */
export interface Line extends Omit<Piece, 'bytes'> {
  /** From 1; undefined: not known, since the log was not read from its beginning. */
  number: number | undefined
  segments: Segment[]
  dropped?: number
}

/** Bytes and lines that are read at once, and those that are kept. */
export const step = { bytes: 64 * 1024, lines: 1000 } as const
export const most = { bytes: 512 * 1024, lines: 3000 } as const

/** A window on a log: a run of lines without a gap, which is moved and never grows beyond `most`. */
export class LogWindow {
  lines: Line[] = []
  /** Bytes of the whole log, as far as is known. */
  length = 0
  readonly #read: ReadRange
  readonly #decoder = new TextDecoder()

  constructor(read: ReadRange) {
    this.#read = read
  }

  get start(): number {
    return this.lines[0]?.at ?? 0
  }

  /** Where the next read goes on: the last line may have grown. */
  get end(): number {
    const last = this.lines.at(-1)
    return last === undefined ? 0 : last.isWhole ? last.end : last.at
  }

  get isAtEnd(): boolean {
    return (this.lines.at(-1)?.end ?? 0) >= this.length
  }

  /** Shows the log around an offset, or its end. */
  async open(at: number | 'end'): Promise<void> {
    const { length } = await this.#read(Number.MAX_SAFE_INTEGER, 1)
    this.length = length
    const middle = at === 'end' ? length : Math.min(at, length)
    const from = Math.max(0, middle - (at === 'end' ? step.bytes : step.bytes / 2))
    const range = await this.#take(from, step.bytes)
    const pieces = piecesOf(range, from)
    const near = Math.max(0, pieces.findLastIndex(piece => piece.at <= middle) - step.lines / 2)
    this.lines = this.#shown(at === 'end' ? pieces.slice(-step.lines) : pieces.slice(near, near + step.lines))
    this.#count()
    if (at === 'end' && !this.isAtEnd) await this.after()
  }

  /** Goes on behind the last line; resolves to whether something has come. */
  async after(): Promise<boolean> {
    const from = this.end
    const range = await this.#take(from, step.bytes)
    if (range.bytes.length === 0) return false
    const last = this.lines.at(-1)
    const isSame = last !== undefined && !last.isWhole
    if (isSame && range.offset === from && from + range.bytes.length <= last.end) {
      if (last.end >= this.length) return false
      // The bytes behind it were dropped.
      this.lines = [...this.lines.slice(0, -1), { ...last, isWhole: true }]
      return this.after()
    }
    const kept = isSame ? this.lines.slice(0, -1) : this.lines
    const begins = range.offset > from || (isSame ? last.begins : (last?.breaks ?? true))
    const added = this.#shown(cut(range.bytes, range.offset, begins).slice(0, step.lines))
    const gap = range.offset > from ? [droppedLine(from, range.offset)] : []
    this.lines = this.#bounded([...kept, ...gap, ...added], 'start')
    this.#count()
    return true
  }

  /** Goes on before the first line; resolves to whether something has come. */
  async before(): Promise<boolean> {
    const { start } = this
    if (start === 0) return false
    const from = Math.max(0, start - step.bytes)
    let range = await this.#take(from, start - from)
    const read = range.offset + range.bytes.length
    // It ended where bytes were dropped: those behind them come first.
    if (range.bytes.length > 0 && read < start) range = await this.#take(read, start - read)
    if (range.offset >= start) {
      this.lines = [droppedLine(Math.min(range.head ?? 0, start - 1), start), ...this.lines]
    } else {
      const bytes = range.bytes.subarray(0, start - range.offset)
      if (bytes.length === 0) return false
      const pieces = piecesOf({ ...range, bytes }, from)
      const added = this.#shown(pieces.slice(-step.lines).map(piece => ({ ...piece, isWhole: true })))
      this.lines = this.#bounded([...added, ...this.lines], 'end')
    }
    this.#count()
    return true
  }

  /** Asks how long the log is by now. */
  async look(): Promise<void> {
    await this.#take(Number.MAX_SAFE_INTEGER, 1)
  }

  async #take(offset: number, bytes: number): Promise<Range> {
    const range = await this.#read(offset, bytes)
    this.length = Math.max(this.length, range.length)
    return range
  }

  #shown(pieces: readonly Piece[]): Line[] {
    const ansi = new AnsiReader()
    return pieces.map(({ bytes, ...piece }) => ({
      ...piece,
      number: undefined,
      segments: ansi.segments(this.#decoder.decode(bytes)),
    }))
  }

  /** Forgets lines on one side until the others are few enough. */
  #bounded(lines: Line[], side: 'start' | 'end'): Line[] {
    const first = lines[0]!
    const last = lines.at(-1)!
    if (side === 'start') {
      const from = lines.findIndex(line => last.end - line.at <= most.bytes || line === last)
      return lines.slice(Math.max(from, lines.length - most.lines))
    }
    const to = lines.findLastIndex(line => line.end - first.at <= most.bytes || line === first)
    return lines.slice(0, Math.min(to + 1, most.lines))
  }

  /**
   * Numbers the lines where a number is known: of the first one of the log, or of one that was shown before.
   */
  #count(): void {
    if (this.start === 0 && this.lines.length > 0) this.#number(0, 1)
    const known = this.lines.findIndex(line => line.number !== undefined)
    if (known < 0) return
    for (let index = known + 1; index < this.lines.length; index++) {
      const { begins, dropped } = this.lines[index]!
      if (dropped !== undefined) break
      this.#number(index, this.lines[index - 1]!.number! + (begins ? 1 : 0))
    }
    for (let index = known - 1; index >= 0; index--) {
      const behind = this.lines[index + 1]!
      if (this.lines[index]!.dropped !== undefined) break
      this.#number(index, behind.number! - (behind.begins ? 1 : 0))
    }
  }

  #number(index: number, number: number): void {
    const line = this.lines[index]!
    // A line is never changed, so its drawn element stays.
    if (line.number !== number) this.lines[index] = { ...line, number }
  }
}

/**
 * The lines of a range that was asked for at an offset, from the first one of which the beginning is known.
 */
function piecesOf({ offset, bytes }: Range, from: number): Piece[] {
  // A line begins at 0, and behind bytes that were dropped.
  const begin = offset === 0 || offset > from ? { at: 0, begins: true } : firstBegin(bytes)
  return cut(bytes.subarray(begin.at), offset + begin.at, begin.begins)
}

const droppedLine = (at: number, end: number): Line => ({
  at,
  end,
  begins: true,
  isWhole: true,
  breaks: true,
  number: undefined,
  segments: [],
  dropped: end - at,
})
