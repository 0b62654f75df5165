/* A line of a log as texts with classes: nothing in it reaches the browser as markup or as a command. */
import Anser from 'anser'

/** A text of a line, and the classes of its colours. */
export interface Segment {
  text: string
  classes: string
}

const colors = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white']
const shownDecorations = ['bold', 'dim', 'italic', 'underline', 'strikethrough', 'reverse']

/** Commands to a terminal other than those of colours: titles, links, other character sets. */
const commands = /\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[ -/]*[0-OQ-WYZ\\`-~]/g
/** The characters of system/printable.ts: control characters, and those that turn the direction of text. */
const hostile = /[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g

/** Reads the lines of a log in turn: a colour lasts until something ends it. */
export class AnsiReader {
  #anser = new Anser()

  segments(line: string): Segment[] {
    // A code without a meaning comes first: without one, anser would forget the colours of the line before.
    // It gives the parts between two codes the same list of decorations, so it gets them one by one.
    const parts = `\x1b[10m${line.replace(commands, '')}`.split(/(?=\x1b\[)/)
    return parts.flatMap(part => {
      const read = this.#anser.ansiToJson(part, { use_classes: true, remove_empty: true })
      return read.map(({ content, fg, bg, fg_truecolor, bg_truecolor, decorations }) => {
        const known = shownDecorations.filter(name => (decorations as string[]).includes(name))
        const classes = [
          classOf(fg, fg_truecolor, 'fg'),
          classOf(bg, bg_truecolor, 'bg'),
          ...known.map(name => `ansi-${name}`),
        ]
        return { text: visible(content), classes: classes.filter(Boolean).join(' ') }
      })
    })
  }
}

/** A text with a sign in place of each character that could hide something or move what is beside it. */
export function visible(text: string): string {
  return text.replace(hostile, character => {
    const code = character.charCodeAt(0)
    if (code < 0x20) return String.fromCharCode(0x2400 + code)
    return code === 0x7f ? '\u2421' : `\\u${code.toString(16).padStart(4, '0')}`
  })
}

/** One of 16 colours, which can be read on the ground of the page; of others the one that is most like it. */
function classOf(color: string | null, truecolor: string | null, place: 'fg' | 'bg'): string {
  if (color === null) return ''
  if (color === 'ansi-truecolor') return named(truecolor?.split(',').map(Number) ?? [], place)
  const palette = /^ansi-palette-(\d+)$/.exec(color)?.[1]
  if (palette === undefined) return `${color.replace(/bright-(?!black)/, '')}-${place}`
  const index = Number(palette) - 16
  if (index >= 216) return named(Array(3).fill((index - 216) * 11) as number[], place)
  const levels = [Math.floor(index / 36), Math.floor(index / 6) % 6, index % 6]
  return named(
    levels.map(level => level * 51),
    place,
  )
}

/**
 * The name of a colour: red, green and blue count if they are at least half as bright as the brightest one.
 */
function named(rgb: readonly number[], place: 'fg' | 'bg'): string {
  const brightest = Math.max(...rgb)
  if (brightest < 48) return `ansi-black-${place}`
  const index = rgb.reduce((sum, level, bit) => sum + (level * 2 > brightest ? 1 << bit : 0), 0)
  return `ansi-${colors[index]}-${place}`
}
