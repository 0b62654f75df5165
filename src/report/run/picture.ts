import stringWidth from 'string-width'
import type { Palette, TaskState } from './terminal.ts'

/** A line of the picture of a live view, and the text with colours that goes to the terminal for it. */
export interface PictureLine {
  text: string
  painted: string
}

/** The contents of a picture; the lines may be longer than the terminal is wide. */
export interface Contents {
  title: string
  /**
   * The tasks that are not over, the most important one first; each text begins with two blanks and the
   * state.
   */
  tasks: readonly { state: TaskState; text: string }[]
  /** The last lines of the running task. */
  output: readonly string[]
}

/** Columns before the state of a task. */
const indent = 2
/** Rows above the picture that are left to the lines that stay, at the most. */
const mostAbove = 6

/**
 * Chooses the lines for a terminal: the title, tasks, and output, which gets half of the room and what the
 * tasks leave of it. No line is wider than the terminal, and a terminal of half the width shows them all,
 * above the row of the cursor.
 */
export function layOut(
  { title, tasks, output }: Contents,
  { columns, rows }: { columns: number; rows: number },
  palette: Palette,
): PictureLine[] {
  const cut = (text: string) => fit(text, columns - 1)
  const room = rows - 1 - Math.min(mostAbove, Math.floor(rows / 4))
  const cost = ({ text }: PictureLine) => rowsOf(text, columns / 2)
  const sum = (lines: readonly PictureLine[]) => lines.reduce((total, line) => total + cost(line), 0)

  const titles = [{ text: cut(title), painted: cut(title) }]
  const states = tasks.map(({ state, text }) => painted(state, cut(text), palette))
  const outputs = output.map(cut).map(text => ({ text, painted: palette.output(text) }))
  // The first task says more than the title does.
  const head = room < sum(titles) + Math.min(1, states.length) * cost(states[0] ?? titles[0]!) ? [] : titles
  const left = room - sum(head)
  const last = firstWithin(
    outputs.toReversed(),
    cost,
    left - Math.min(sum(states), Math.max(Math.ceil(left / 2), sum(states.slice(0, 1)))),
  )
  const shown = firstWithin(states, cost, left - sum(last))
  const hidden = states.length - shown.length
  if (hidden > 0 && shown.length > 1)
    shown.splice(-1, 1, painted('to come', cut(`  … and ${hidden + 1} more`), palette))
  return [...head, ...shown, ...last.toReversed()]
}

/**
 * A line on the terminal; one that stays is written again where it stands below a line that is taken away.
 */
export interface Drawn extends PictureLine {
  stays?: boolean
}

/**
 * Plans how to remove lines that end above the cursor, with `reach` rows of the screen above it. The plan has
 * the rows to clear above the cursor, the lines among them to write again, and the lines out of reach above
 * the screen.
 */
export function takeAway(
  drawn: readonly Drawn[],
  columns: number,
  reach: number,
): { rows: number; again: Drawn[]; above: Drawn[] } {
  // Rows out of sight cannot be cleared, and clearing more rows than the screen has would push out others.
  const reached = firstWithin(drawn.toReversed(), ({ text }) => rowsOf(text, columns), reach).toReversed()
  const cleared = rowsOfAll(reached, columns)
  const above = drawn.slice(0, drawn.length - reached.length)
  const again = reached.filter(({ stays }) => stays)
  const last = above.at(-1)
  if (last === undefined || last.stays) return { rows: cleared, again, above }
  // The lower rows of a line that begins out of sight.
  const begin = fit(last.text, (rowsOf(last.text, columns) - (reach - cleared)) * columns)
  return { rows: reach, again, above: [...above.slice(0, -1), { text: begin, painted: begin }] }
}

/** The rows that a terminal needs for lines. */
export const rowsOfAll = (lines: readonly Drawn[], columns: number): number =>
  lines.reduce((sum, { text }) => sum + rowsOf(text, columns), 0)

interface Size {
  columns: number
  rows: number
}

/**
 * The empty rows below the cursor after a change of the size: a terminal that becomes smaller takes them away
 * first.
 */
export function emptyAfter(empty: number, before: Size, after: Size): number {
  if (before.columns !== after.columns) return 0
  return Math.max(0, empty - Math.max(0, before.rows - after.rows))
}

/** The rows that a terminal needs for a line. */
const rowsOf = (line: string, columns: number): number => Math.max(1, Math.ceil(stringWidth(line) / columns))

function painted(state: TaskState, text: string, palette: Palette): PictureLine {
  const word = text.startsWith(state, indent) ? state : text.slice(indent)
  const rest = text.slice(indent + word.length)
  return { text, painted: text.slice(0, indent) + palette.state(state, word) + rest }
}

/** The first items that a budget pays for. */
function firstWithin<T>(items: readonly T[], cost: (item: T) => number, budget: number): T[] {
  const found: T[] = []
  let left = budget
  for (const item of items) {
    left -= cost(item)
    if (left < 0) break
    found.push(item)
  }
  return found
}

const segmenter = new Intl.Segmenter()

/** The beginning of a line that fits into a number of columns. */
function fit(line: string, columns: number): string {
  if (stringWidth(line) <= columns) return line
  let width = 0
  let fitting = ''
  for (const { segment } of segmenter.segment(line)) {
    width += stringWidth(segment)
    if (width > columns) break
    fitting += segment
  }
  return fitting
}
