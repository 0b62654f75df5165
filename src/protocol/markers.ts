/*
 * The markers by which a plugin speaks to the server in its log: `##[start: comment]…##[end: comment]` adds a
 * comment to the task, `##[start: status]…##[end: status]` sets its status line. Both may span lines. A
 * logger writes its prefix before the message; those of the plugins' SDKs once, others before each line.
 */

/** Bytes after which a marker that has no end is text. */
export const longestMarker = 65_536
/** Bytes before a marker that are looked at for a logger's prefix. */
const longestPrefix = 512

const kinds = ['comment', 'status'] as const
type Kind = (typeof kinds)[number]

const startOf = (kind: Kind) => `##[start: ${kind}]`
const endOf = (kind: Kind) => `##[end: ${kind}]`
const longestStart = startOf('comment').length

export interface Markers {
  comments: string[]
  /** The latest; absent where none was set. */
  status_line?: string
  /** The offset of the next search, which begins there with more bytes. */
  scanned: number
}

/**
 * Finds markers in bytes of a log from an offset on. A search that resumes where the last one ended finds the
 * same markers as one in the whole log; less than `longestMarker` and a little more is left for it.
 */
export function scanMarkers(bytes: Uint8Array, from = 0): Markers {
  const log = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const found: Markers = { comments: [], scanned: from }
  for (;;) {
    const open = nextStart(log, found.scanned)
    if (open === undefined) break
    const { at, kind } = open
    const content = at + startOf(kind).length
    const window = log.subarray(0, content + longestMarker)
    const other = nextStart(window, content)
    const end = window.subarray(0, other?.at).indexOf(endOf(kind), content)
    const prefix = prefixBefore(log, found.scanned, at)
    if (end !== -1) {
      const text = textOf(log.subarray(content, end), prefix)
      if (kind === 'comment') found.comments.push(text)
      else found.status_line = text
      found.scanned = end + endOf(kind).length
    } else if (other !== undefined || log.length - content >= longestMarker) {
      // Text: another one starts before it ends, or it is too long.
      found.scanned = content
    } else return { ...found, scanned: at - prefix.length }
  }
  return { ...found, scanned: tailFrom(log, found.scanned) }
}

function nextStart(log: Buffer, from: number): { at: number; kind: Kind } | undefined {
  for (let at = log.indexOf('##[start: ', from); at !== -1; at = log.indexOf('##[start: ', at + 1)) {
    const kind = kinds.find(kind => log.toString('latin1', at, at + startOf(kind).length) === startOf(kind))
    if (kind !== undefined) return { at, kind }
  }
  return undefined
}

/**
 * The text before a marker in its line, as far as it has not been looked at. No more is searched than may be
 * that text.
 */
function prefixBefore(log: Buffer, from: number, at: number): Buffer {
  const before = log.subarray(Math.max(from, at - longestPrefix), at)
  return before.subarray(before.lastIndexOf('\n') + 1)
}

/** Where a line begins whose end may be the beginning of a marker; else the end. */
function tailFrom(log: Buffer, from: number): number {
  const tail = Math.max(from, log.length - longestStart + 1)
  const text = log.toString('latin1', tail)
  for (let at = text.indexOf('#'); at !== -1; at = text.indexOf('#', at + 1))
    if (kinds.some(kind => startOf(kind).startsWith(text.slice(at))))
      return tail + at - prefixBefore(log, from, tail + at).length
  // This line is not over: it may be the prefix of a marker.
  return log.length - prefixBefore(log, from, log.length).length
}

const shapeOf = (text: string) => text.replace(/\d/g, '0')

/** The text of a marker; without the prefix where each further line has it too, but for its numbers. */
function textOf(content: Buffer, prefix: Buffer): string {
  const text = content.toString().replaceAll('\r\n', '\n')
  const shape = shapeOf(prefix.toString())
  const [first, ...more] = text.split('\n')
  if (shape.trim() === '' || more.length === 0) return text
  if (!more.every(line => shapeOf(line.slice(0, shape.length)) === shape)) return text
  return [first, ...more.map(line => line.slice(shape.length))].join('\n').replace(/\n$/, '')
}

/** A log as people read it: `comment: …` and `status: …` instead of markers. */
export function withoutMarkers(text: string): string {
  return text.replace(/##\[(start|end): (comment|status)\]/g, (_, side: string, kind: string) =>
    side === 'start' ? `${kind}: ` : '',
  )
}

const allMarkers = kinds.flatMap(kind => [startOf(kind), endOf(kind)])

/** The same for a log that comes in pieces; bytes that may become a marker are held back. */
export class ShownLog {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  #rest = ''

  push(bytes: Uint8Array): string {
    return this.#show(this.#decoder.decode(bytes, { stream: true }))
  }

  end(): string {
    return this.#show(this.#decoder.decode()) + this.#rest
  }

  #show(more: string): string {
    const text = this.#rest + more
    let cut = text.length
    for (let at = text.indexOf('#', cut - longestStart); at !== -1; at = text.indexOf('#', at + 1))
      if (allMarkers.some(marker => marker.length > text.length - at && marker.startsWith(text.slice(at)))) {
        cut = at
        break
      }
    this.#rest = text.slice(cut)
    return withoutMarkers(text.slice(0, cut))
  }
}
