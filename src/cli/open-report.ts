import type { Clock } from '../edges.ts'
import type { Emit } from '../event.ts'
import type { Verbosity } from '../report/describe.ts'
import { jsonReporter } from '../report/json.ts'
import { streamOut } from '../report/stream.ts'
import { syslogReporter } from '../report/syslog.ts'
import { colours, plain, terminalReporter, wantsColour } from '../report/terminal.ts'

export interface ReportOptions {
  json: boolean
  syslog: boolean
  verbosity: Verbosity
}

/** A report that is open. */
export interface Report {
  emit: Emit
  close(): void
}

/** Opens all that shows a run as it goes. `usual`: seconds that a task usually takes. */
export async function openReport(
  options: ReportOptions,
  clock: Clock,
  env: NodeJS.ProcessEnv,
  usual: (task: string) => number | undefined,
): Promise<Report> {
  const view = await openView(options, clock, env, usual)
  if (!options.syslog) return view
  const syslog = syslogReporter(options.verbosity, message =>
    view.emit({ event: 'notice', reason: 'syslog-lost', message }),
  )
  return {
    emit(event) {
      syslog.emit(event)
      return view.emit(event)
    },
    close() {
      view.close()
      syslog.close()
    },
  }
}

/** JSON where it is asked for, a live picture on a terminal, else lines and output as they come. */
async function openView(
  { json, verbosity }: ReportOptions,
  clock: Clock,
  env: NodeJS.ProcessEnv,
  usual: (task: string) => number | undefined,
): Promise<Report> {
  const out = streamOut(process.stdout)
  if (json) return { emit: jsonReporter(out, clock), close() {} }
  const paint = wantsColour(process.stdout, env) ? await colours() : plain
  const { stdout } = process
  if (!stdout.isTTY || env.TERM === 'dumb' || verbosity !== 'normal')
    return { emit: terminalReporter(out, verbosity, paint), close() {} }
  const { LiveView } = await import('../report/live.ts')
  const terminal = {
    write: (text: string) => void out.write(text),
    get size() {
      // Asked of the terminal itself: SIGWINCH tells of a new size only after it is in force.
      ;(stdout as typeof stdout & { _refreshSize?(): void })._refreshSize?.()
      return { columns: stdout.columns || 80, rows: stdout.rows || 24 }
    },
  }
  const view = new LiveView(terminal, clock, paint, usual)
  return { emit: view.emit, close: () => view.close() }
}
