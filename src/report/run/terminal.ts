import type { Emit } from '../../event.ts'
import { type DescribedLine, describe, type Verbosity } from '../describe.ts'
import type { Out } from '../stream.ts'
import type { Advise } from './advice.ts'
import { OutputLines } from './output-lines.ts'

/** Puts colour on a line's text, and makes `runner:` before it stand out. */
export type Paint = (line: DescribedLine) => string

/** Adds no colour. */
export const plainPaint: Paint = ({ text }) => `runner: ${text}`

/** The state of a task in the picture of a live view; `over` once its line about the end has been written. */
export type TaskState = 'to come' | 'running' | 'waiting' | 'over'

/** Puts colour on a state, and makes the output of a task stand back. */
export interface Palette {
  state(state: TaskState, text: string): string
  output(text: string): string
}

/** The colours of lines that stay, and of the picture of a live view. */
export interface Colours {
  paint: Paint
  palette: Palette
}

/** Colours for output without colour. */
export const plainColours: Colours = {
  paint: plainPaint,
  palette: { state: (_, text) => text, output: text => text },
}

/** Colours for a terminal. Loading chalk costs three milliseconds, so only this function loads it. */
export async function colours(): Promise<Colours> {
  const { Chalk } = await import('chalk')
  const chalk = new Chalk({ level: 1 })
  const paint = ({ priority, text }: DescribedLine) => {
    if (priority === 'err') return chalk.red(text)
    if (priority === 'warning') return chalk.yellow(text)
    if (priority === 'debug') return chalk.dim(text)
    return text.replace(/: OK(?= \()|(?<=^run \d+ )succeeded/, done => chalk.green(done))
  }
  const states: Record<TaskState, (text: string) => string> = {
    running: chalk.cyan,
    waiting: chalk.yellow,
    'to come': chalk.dim,
    over: chalk.green,
  }
  return {
    paint: line => `${chalk.bold('runner:')} ${paint(line)}`,
    palette: { state: (state, text) => states[state](text), output: chalk.dim },
  }
}

/**
 * Shows a run to a person: a line for what happens, and between them the output of the tasks (not when
 * quiet): harmless on a terminal, byte by byte anywhere else.
 */
export function terminalReporter(
  out: Out,
  verbosity: Verbosity,
  paint: Paint = plainPaint,
  advise: Advise = () => [],
): Emit {
  const output = new OutputLines(out, verbosity)
  return event => {
    if ('data' in event) return output.show(event)
    void output.follow(event)
    const lines = [...describe(event, verbosity), ...advise(event)]
    if (lines.length === 0) return
    void output.end()
    return out.write(lines.map(line => `${paint(line)}\n`).join(''))
  }
}

/**
 * Whether to use colour: on a terminal, unless NO_COLOR (no-color.org) or TERM=dumb says no; FORCE_COLOR
 * insists.
 */
export function wantsColour(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if (env.NO_COLOR) return false
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0'
  return stream.isTTY === true && env.TERM !== 'dumb'
}
