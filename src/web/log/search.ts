/* The search for a text in a whole log. */
import type { ReadRange } from './window.ts'

/** Bytes that are read at once, and places that are remembered. */
const readAtOnce = 1024 * 1024
export const mostFound = 10_000

/**
 * The progress of a search: the offsets of its matches, the number of bytes that it has read, and the number
 * of all bytes.
 */
export interface Progress {
  found: readonly number[]
  read: number
  length: number
}

/**
 * Reads the log from its beginning to its end and says after each part how far it is. Small and capital
 * letters of ASCII are the same; a match begins at the byte that is found.
 */
export async function* search(read: ReadRange, text: string): AsyncGenerator<Progress> {
  // Every byte is one character here, so that places in the text are places in the log.
  const latin = new TextDecoder('windows-1252')
  const wanted = latin.decode(new TextEncoder().encode(text))
  const pattern = new RegExp(wanted.replace(/./gs, either), 'g')
  const found: number[] = []
  let before = ''
  for (let offset = 0; ; ) {
    const range = await read(offset, readAtOnce)
    // Nothing is found across bytes that the server has not kept.
    if (range.offset !== offset) before = ''
    const part = before + latin.decode(range.bytes)
    let searched = 0
    for (const { index } of part.matchAll(pattern)) {
      if (found.length < mostFound) found.push(range.offset - before.length + index)
      searched = index + wanted.length
    }
    before = part.slice(Math.max(searched, part.length - wanted.length + 1))
    offset = range.offset + range.bytes.length
    const isOver = range.bytes.length === 0 || offset >= range.length || found.length >= mostFound
    yield { found, read: Math.min(offset, range.length), length: range.length }
    if (isOver) return
  }
}

function either(character: string): string {
  if (/[a-z]/i.test(character)) return `[${character.toLowerCase()}${character.toUpperCase()}]`
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
