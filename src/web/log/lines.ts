/* Bytes of a log, cut into lines. */

/** A line of a log, or a part of one that is longer than `longest`. */
export interface Piece {
  /** The offsets of its first byte and of the first one behind it. */
  at: number
  end: number
  /** It begins a line. */
  begins: boolean
  /** Its end is known: a line break, or its length. The last piece of what is there may grow. */
  isWhole: boolean
  /** A line break ends it. */
  breaks: boolean
  bytes: Uint8Array
}

/** Bytes of a piece at most: a line of a megabyte must not hold up the browser. */
export const longest = 4096

const [lineFeed, carriageReturn] = [0x0a, 0x0d]

/**
 * Cuts bytes that begin at an offset; `begins` says whether a line begins there. A carriage return ends a
 * line, too.
 */
export function cut(bytes: Uint8Array, offset: number, begins: boolean): Piece[] {
  const pieces: Piece[] = []
  for (let from = 0, begin = begins; from < bytes.length; ) {
    const limit = Math.min(bytes.length, from + longest)
    let to = from
    while (to < limit && bytes[to] !== lineFeed && bytes[to] !== carriageReturn) to++
    const text = to
    let isWhole = true
    if (to === limit) {
      if (limit === from + longest) to = beforeContinuation(bytes, to, from)
      else isWhole = false
    } else if (bytes[to] === lineFeed) to++
    else if (to + 1 === bytes.length) isWhole = false
    else to += bytes[to + 1] === lineFeed ? 2 : 1
    const end = isWhole ? to : bytes.length
    const breaks = isWhole && text < to
    pieces.push({
      at: offset + from,
      end: offset + end,
      begins: begin,
      isWhole,
      breaks,
      bytes: bytes.subarray(from, Math.min(text, end)),
    })
    begin = breaks
    from = end
  }
  return pieces
}

/** The place to cut at, so that no character of UTF-8 is cut. */
function beforeContinuation(bytes: Uint8Array, at: number, from: number): number {
  let to = at
  while (to > at - 4 && to > from + 1 && (bytes[to] ?? 0) >> 6 === 2) to--
  return (bytes[to] ?? 0) >> 6 === 2 ? at : to
}

/**
 * Where the first line begins in bytes from the middle of a log: behind the first line feed that has
 * something behind it. Where there is none, all bytes are of one line, and the first character begins.
 */
export function firstBegin(bytes: Uint8Array): { at: number; begins: boolean } {
  const feed = bytes.indexOf(lineFeed)
  if (feed >= 0 && feed + 1 < bytes.length) return { at: feed + 1, begins: true }
  let at = 0
  while (at < 3 && (bytes[at] ?? 0) >> 6 === 2) at++
  return { at, begins: false }
}
