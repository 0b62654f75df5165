import { isUtf8 } from 'node:buffer'

/**
 * Bytes as text, and back again without loss: a byte that is not part of valid UTF-8 becomes the lone
 * surrogate U+DC80…U+DCFF that carries it (Python calls this `surrogateescape`). Valid UTF-8 never decodes to
 * one.
 */
export function decodeBytes(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (isUtf8(buffer)) return buffer.toString('utf8')
  const units = new Uint16Array(bytes.length)
  let length = 0
  for (let at = 0; at < bytes.length; ) {
    const size = sequenceSize(bytes, at)
    if (size === 0) {
      units[length++] = 0xdc00 + bytes[at++]!
      continue
    }
    const code = buffer.toString('utf8', at, at + size)
    for (let unit = 0; unit < code.length; unit++) units[length++] = code.charCodeAt(unit)
    at += size
  }
  return Buffer.from(units.buffer, 0, length * 2).toString('utf16le')
}

/** The bytes that `decodeBytes` made this text from. */
export function encodeBytes(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text)
  const pieces = text.split(/([\udc80-\udcff]+)/u)
  return Buffer.concat(pieces.map((piece, at) => Buffer.from(piece, at % 2 === 1 ? 'latin1' : 'utf8')))
}

/** The size of the valid UTF-8 sequence that begins here, or 0. */
function sequenceSize(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!
  if (lead < 0x80) return 1
  if (lead < 0xc2 || lead > 0xf4) return 0
  const size = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  // No overlong forms, no surrogates, nothing above U+10FFFF: they show in the second byte.
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
  const second = bytes[at + 1] ?? 0
  if (second < least || second > most) return 0
  for (let next = at + 2; next < at + size; next++) if (((bytes[next] ?? 0) & 0xc0) !== 0x80) return 0
  return size
}
