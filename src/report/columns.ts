import stringWidth from 'string-width'
import { blanked } from '../process/printable.ts'

/** Cells that give way, widest first, where a table is wider than a terminal, are at least this wide. */
const narrowest = 8

/**
 * A table with a header and without lines. Where `width` is given, as for a terminal, the widest columns are cut
 * until it fits, as far as that goes.
 */
export function columns(rows: readonly (readonly string[])[], width = Number.POSITIVE_INFINITY): string {
  const shown = rows.map(row => row.map(blanked))
  const count = shown[0]?.length ?? 0
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...shown.map(row => stringWidth(row[column] ?? ''))),
  )
  const total = () => widths.reduce((sum, one) => sum + one, 2 * (count - 1))
  while (total() > width) {
    const widest = widths.indexOf(Math.max(...widths))
    if (widths[widest]! <= narrowest) break
    widths[widest]!--
  }
  return shown
    .map(row => {
      const cells = row.map((cell, column) => {
        const text = cut(cell, widths[column]!)
        return text + ' '.repeat(widths[column]! - stringWidth(text))
      })
      return `${cells.join('  ').trimEnd()}\n`
    })
    .join('')
}

/** A text that is not wider than that; `…` stands for what is left out. */
function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text
  let kept = ''
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (stringWidth(`${kept}${segment}…`) > width) break
    kept += segment
  }
  return `${kept}…`
}
