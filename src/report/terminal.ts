import type { Emit } from '../event.ts'
import { describe, type Line, type Verbosity } from './describe.ts'
import { OutputLines } from './output-lines.ts'
import type { Out } from './stream.ts'

/** Puts colour on a line's text, and makes `runner:` before it stand out. */
export type Paint = (line: Line) => string

/** Without colour. */
export const plain: Paint = ({ text }) => `runner: ${text}`

/** Colours for a terminal. chalk is loaded only here: it costs a start three milliseconds. */
export async function colours(): Promise<Paint> {
  const { Chalk } = await import('chalk')
  const chalk = new Chalk({ level: 1 })
  const paint = ({ priority, text }: Line) => {
    if (priority === 'err') return chalk.red(text)
    if (priority === 'warning') return chalk.yellow(text)
    if (priority === 'debug') return chalk.dim(text)
    return text.replace(/: OK(?= \()|(?<=^run \d+ )succeeded/, done => chalk.green(done))
  }
  return line => `${chalk.bold('runner:')} ${paint(line)}`
}

/**
 * Shows a run to a person: a line for what happens, and between them the output of the tasks (not when quiet):
 * harmless on a terminal, byte by byte anywhere else.
 */
export function terminalReporter(out: Out, verbosity: Verbosity, paint: Paint = plain): Emit {
  const output = new OutputLines(out, verbosity)
  return event => {
    if ('data' in event) return output.show(event)
    const lines = describe(event, verbosity)
    if (lines.length === 0) return
    void output.end()
    return out.write(lines.map(line => `${paint(line)}\n`).join(''))
  }
}

/** Whether to use colour: on a terminal, unless NO_COLOR (no-color.org) or TERM=dumb says no; FORCE_COLOR insists. */
export function wantsColour(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  if (env.NO_COLOR) return false
  if (env.FORCE_COLOR !== undefined) return env.FORCE_COLOR !== '0'
  return stream.isTTY === true && env.TERM !== 'dumb'
}
