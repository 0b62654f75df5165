import stringWidth from 'string-width'
import { blanked } from '../system/printable.ts'

/** Cells that give way, widest first, where a table is wider than a terminal, are at least this wide. */
const narrowest = 8

/** The columns that a text takes on a terminal. */
const widthOf = (text: string): number => (/^[ -~]*$/.test(text) ? text.length : stringWidth(text))

/** The width of the terminal; without end where there is none. */
const terminalWidth = (): number =>
  (process.stdout.isTTY ? process.stdout.columns : 0) || Number.POSITIVE_INFINITY

/**
 * A table with a header and without lines. On a terminal the widest columns are cut until it fits, and where
 * that does not do, its right side is; never the first column, by which people name a row in a command.
 */
export function columns(rows: readonly (readonly string[])[], width = terminalWidth()): string {
  const shown = rows.map(row => row.map(blanked))
  const count = shown[0]?.length ?? 0
  const widths = Array.from({ length: count }, (_, column) =>
    Math.max(...shown.map(row => widthOf(row[column] ?? ''))),
  )
  const total = () => widths.reduce((sum, one) => sum + one, 2 * (count - 1))
  while (total() > width) {
    const most = Math.max(0, ...widths.slice(1))
    if (most <= narrowest) break
    const widest = widths.indexOf(most, 1)
    widths[widest]!--
  }
  return shown
    .map(row => {
      const cells = row.map((cell, column) => {
        const text = cut(cell, widths[column]!)
        return text + ' '.repeat(widths[column]! - widthOf(text))
      })
      return `${cut(cells.join('  ').trimEnd(), Math.max(width, widths[0]! + 2))}\n`
    })
    .join('')
}

/** The text, cut to a width; `…` takes the place of the rest. */
function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let kept = ''
  for (const { segment } of new Intl.Segmenter().segment(text)) {
    if (widthOf(`${kept}${segment}…`) > width) break
    kept += segment
  }
  return `${kept}…`
}
