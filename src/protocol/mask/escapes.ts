/*
 * The ways in which programs write a byte as an escape: in URLs (`%41`, `+`) and in JSON (`\n`, `\/`,
 * `\u0041`).
 */

/** The bytes that an escape stands for, and the number of bytes that it takes itself. */
export interface Escape {
  bytes: readonly number[]
  length: number
}

const percent = 0x25
const plus = 0x2b
const backslash = 0x5c
const u = 0x75
const [highest, lowest, past] = [0xd800, 0xdc00, 0xe000]

const short = new Map<number, Escape>(
  Object.entries({ b: 8, f: 12, n: 10, r: 13, t: 9, '"': 34, '\\': 92, '/': 47 }).map(([letter, byte]) => [
    letter.charCodeAt(0),
    { bytes: [byte], length: 2 },
  ]),
)
const space: Escape = { bytes: [0x20], length: 1 }

/** The value of a hexadecimal digit; -1 where it is none. */
function digit(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/**
 * The value of `count` hexadecimal digits from `at` on; undefined where one of them is none, `more` where the
 * bytes end too early to say.
 */
function hex(bytes: Uint8Array, at: number, count: number): number | 'more' | undefined {
  let value = 0
  for (let i = at; i < at + count; i++) {
    if (i >= bytes.length) return 'more'
    const next = digit(bytes[i])
    if (next < 0) return undefined
    value = value * 16 + next
  }
  return value
}

/** Whether an escape may begin with this byte. */
export const beginsEscape = (byte: number): boolean => byte === percent || byte === plus || byte === backslash

/** The escape that begins at `at`; undefined where none does, `more` where the bytes end too early to say. */
export function escapeAt(bytes: Uint8Array, at: number): Escape | 'more' | undefined {
  if (bytes[at] === plus) return space
  if (bytes[at] === percent) {
    const value = hex(bytes, at + 1, 2)
    return typeof value === 'number' ? { bytes: [value], length: 3 } : value
  }
  if (bytes[at] !== backslash) return undefined
  if (at + 1 >= bytes.length) return 'more'
  if (bytes[at + 1] !== u) return short.get(bytes[at + 1]!)
  const unit = hex(bytes, at + 2, 4)
  if (typeof unit !== 'number') return unit
  if (unit < highest || unit >= past) return character(unit, 6)
  if (unit >= lowest) return undefined
  for (const [i, wanted] of [backslash, u].entries())
    if (bytes[at + 6 + i] !== wanted) return at + 6 + i >= bytes.length ? 'more' : undefined
  const low = hex(bytes, at + 8, 4)
  if (typeof low !== 'number') return low
  if (low < lowest || low >= past) return undefined
  return character((unit - highest) * 0x400 + (low - lowest) + 0x10000, 12)
}

const character = (code: number, length: number): Escape => ({
  bytes: [...Buffer.from(String.fromCodePoint(code))],
  length,
})
