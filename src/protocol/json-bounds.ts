/*
 * Bounds for JSON of other programs. To parse it, to check it and to copy it takes time for each value in it,
 * and a stack for each level, so both are counted first, in one pass over the bytes.
 */
import { errorText, fail, ok, type Result } from '../result.ts'
import { parseJson } from './exact-json.ts'

export interface JsonBounds {
  /** The greatest depth of arrays and objects inside each other. */
  levels: number
  /** The greatest number of values and names. */
  values: number
}

/**
 * The bounds of a definition, and of any other body of a call: more than the largest needs. The levels are
 * those of an input (server/state/definitions.ts) and of the objects around it.
 */
export const bodyBounds: JsonBounds = { levels: 120, values: 150_000 }
/** The bounds of a backup, which has many definitions. */
export const backupBounds: JsonBounds = { ...bodyBounds, values: 5_000_000 }
/** The bounds of a plugin's output: more than any needs, and few enough to show in a list of executions. */
export const outputBounds: JsonBounds = { levels: 100, values: 200_000 }

const [quote, comma, colon, backslash] = [0x22, 0x2c, 0x3a, 0x5c]
const [openArray, closeArray, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d]

/**
 * Says which bound a JSON text exceeds, in words that continue a sentence after its name; undefined: none.
 */
export function tooMuchIn(bytes: Uint8Array, { levels, values }: JsonBounds): string | undefined {
  let level = 0
  let found = 1
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]) {
      case quote:
        at = endOfString(bytes, at + 1)
        continue
      case openArray:
      case openObject:
        if (++level > levels) return `has more than ${levels} levels`
        found++
        break
      case closeArray:
      case closeObject:
        level--
        continue
      case comma:
      case colon:
        found++
        break
      default:
        continue
    }
    if (found > values) return `has more than ${values} values`
  }
  return undefined
}

/** The place of the quote that ends a string; the end of the bytes where there is none. */
function endOfString(bytes: Uint8Array, from: number): number {
  for (let at = from; ; at++) {
    at = bytes.indexOf(quote, at)
    if (at < 0) return bytes.length
    let escapes = 0
    while (bytes[at - 1 - escapes] === backslash && at - 1 - escapes >= from) escapes++
    if (escapes % 2 === 0) return at
  }
}

/**
 * Parses JSON within bounds; fails with the reason, in words that continue a sentence after the name of the
 * text.
 */
export function parseWithin(
  bytes: Uint8Array,
  bounds: JsonBounds,
): Result<unknown, { tooMuch: boolean; detail: string }> {
  const tooMuch = tooMuchIn(bytes, bounds)
  if (tooMuch !== undefined) return fail({ tooMuch: true, detail: tooMuch })
  try {
    return ok(parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()))
  } catch (error) {
    // The error message may quote a secret at the place of the mistake.
    const [place] = /at position \d+ \(line \d+ column \d+\)$/.exec(errorText(error)) ?? []
    return fail({ tooMuch: false, detail: place === undefined ? 'is not JSON' : `is not JSON: ${place}` })
  }
}
