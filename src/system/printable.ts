/*
 * The one definition of the characters by which a text of others could change a terminal or a line of a log.
 * Hostile are the control characters (C0, DEL, C1), the separators of lines and paragraphs, and the
 * characters that turn the direction of text.
 */

/**
 * Cc, Zl, Zp and Bidi_Control of Unicode as ranges: other programs read them in openapi.json, and some do not
 * know \p.
 */
const hostileOnes = '\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069'

/*
 * Classes of one character, for regular expressions and for patterns of JSON Schema.
 */
/** Anything but a hostile character: of a name or a title, which stands on one line. */
export const harmlessCharacter = `[^${hostileOnes}]`
/** Printable ASCII without the space: of a word that goes into a header or a table as it is. */
export const asciiWord = '[\\x21-\\x7e]'
/** Printable ASCII with the space. */
export const asciiText = '[\\x20-\\x7e]'

const hostile = new RegExp(`[${hostileOnes}]`, 'u')
const hostiles = new RegExp(hostile.source, 'gu')
const hostilesOfLine = new RegExp(`(?!\\t)${hostile.source}`, 'gu')
const hostileRuns = new RegExp(`${hostile.source}+`, 'gu')

/** A character as it is written: `\n`, `\x1b`, `\u202e`. */
function written(character: string): string {
  if (character === '\n') return '\\n'
  if (character === '\r') return '\\r'
  const code = character.charCodeAt(0).toString(16)
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`
}

/** A text on one line: each hostile character as it is written, except tabs. */
export function escaped(text: string): string {
  return text.replace(hostilesOfLine, written)
}

/** A text of several lines: each hostile character as it is written, except tabs and line feeds. */
export function harmless(text: string): string {
  return text.replaceAll('\r\n', '\n').split('\n').map(escaped).join('\n')
}

/** A text with something else instead of each hostile character. */
export function replaced(text: string, instead: string): string {
  return text.replace(hostiles, instead)
}

/** A text on one line for a table: blanks instead of hostile characters. */
export function blanked(text: string): string {
  return text.replace(hostileRuns, ' ').trim()
}

/** A name on one line: as in JSON where anything in it is hostile. */
export function shown(name: string): string {
  return hostile.test(name) ? jsonText(name) : name
}

/** JSON in which every hostile character is escaped; a parser reads the same value. */
export function jsonText(value: unknown, space?: number): string {
  const asJson = (character: string) =>
    character === '\n' ? character : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  // A line feed in the text comes from `space`: in values all of C0 is escaped already.
  return JSON.stringify(value, undefined, space).replace(hostiles, asJson)
}

/**
 * The text that a terminal would show of a line, approximately: the part after the last carriage return,
 * without commands.
 */
export function printable(line: string): string {
  return line
    .replace(/\r+$/, '')
    .replace(/^.*\r/s, '')
    .replace(/\x1b\][^\x07\x1b]*(\x07|\x1b\\)?/g, '')
    .replace(/\x1b\[[0-9;?]*[ -/]*[@-~]/g, '')
    .replace(hostilesOfLine, '')
}

/** Colours and the like (SGR, ECMA-48 8.3.117), the one command that a job may give to a terminal. */
const colour = /\x1b\[[0-9;:]{0,64}m/
const reset = '\x1b[0m'
const unsafe = new RegExp(`${colour.source}|\\r\\n?|(?![\\t\\n])${hostile.source}`, 'gu')
/** The end of a piece that the next one may turn into something harmless. */
const open = /(?:\x1b(?:\[[0-9;:]{0,64})?|\r)$/
const own = 'runner:'
const mark = ' (job)'
const pieces = new RegExp(`${colour.source}|.`, 'gsu')

/**
 * The output of a job as it may be written on a terminal, however it was cut into pieces: colours stay, a
 * carriage return begins a new line, everything else that is hostile is shown as it is written. A line that
 * begins as runner's own do is marked, so that it cannot be taken for one: `runner (job): succeeded`.
 */
export class TerminalText {
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  #rest = ''
  #coloured = false
  #atLineStart = true
  /**
   * The number of characters of `runner:` that the line has had so far without any other visible character;
   * -1: it is another line.
   */
  #matched = 0

  push(data: Uint8Array | string): string {
    const text = this.#rest + (typeof data === 'string' ? data : this.#decoder.decode(data, { stream: true }))
    this.#rest = open.exec(text)?.[0] ?? ''
    return this.#show(text.slice(0, text.length - this.#rest.length))
  }

  /**
   * The bytes to write before a text of runner's own, so that it has a line of its own without the job's
   * colours.
   */
  fresh(): string {
    const text = (this.#coloured ? reset : '') + (this.#atLineStart ? '' : '\n')
    this.#coloured = false
    this.#atLineStart = true
    this.#matched = 0
    return text
  }

  /** The rest, and the bytes of `fresh`. */
  end(): string {
    const rest = this.#rest + this.#decoder.decode()
    this.#rest = ''
    return this.#show(rest) + this.fresh()
  }

  #show(text: string): string {
    if (text === '') return ''
    const safe = text.replace(unsafe, found => {
      if (found.startsWith('\r')) return '\n'
      if (found.length === 1) return written(found)
      this.#coloured = !/\[0*m$/.test(found)
      return found
    })
    this.#atLineStart = safe.endsWith('\n')
    return safe
      .split('\n')
      .map((line, index) => {
        if (index > 0) this.#matched = 0
        return this.#matched === -1 ? line : this.#marked(line)
      })
      .join('\n')
  }

  /** A line, or a piece of one, with the mark before the colon of `runner:` if it begins so. */
  #marked(line: string): string {
    for (const { 0: piece, index } of line.matchAll(pieces)) {
      if (colour.test(piece) || /^\p{Default_Ignorable_Code_Point}$/u.test(piece)) continue
      if (this.#matched <= 0 && /^\s$/u.test(piece)) continue
      if (piece.normalize('NFKD').toLowerCase() !== own[this.#matched]) {
        this.#matched = -1
        return line
      }
      if (++this.#matched < own.length) continue
      this.#matched = -1
      return line.slice(0, index) + mark + line.slice(index)
    }
    return line
  }
}
