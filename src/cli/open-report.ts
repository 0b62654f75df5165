import { existsSync } from 'node:fs'
import type { Clock } from '../edges.ts'
import type { Emit } from '../event.ts'
import type { Verbosity } from '../report/describe.ts'
import { isJournal, journaldReporter, journalSocket } from '../report/journald.ts'
import { jsonReporter } from '../report/json.ts'
import { outputReporter } from '../report/output-lines.ts'
import { streamOut } from '../report/stream.ts'
import { syslogReporter } from '../report/syslog.ts'
import { systemdReporter } from '../report/systemd.ts'
import { colours, plain, terminalReporter, wantsColour } from '../report/terminal.ts'

export interface ReportOptions {
  json: boolean
  syslog: boolean
  verbosity: Verbosity
}

/** A report that is open: hears of a run, until there will be no more. */
export interface Report {
  emit: Emit
  close(): void
}

/**
 * Opens all that shows a run as it goes, and tells the system of it. `usual`: seconds that a task usually takes.
 */
export async function openReport(
  options: ReportOptions,
  clock: Clock,
  env: NodeJS.ProcessEnv,
  usual: (task: string) => number | undefined,
): Promise<Report> {
  const inJournal = !options.json && isJournal(process.stdout.fd, env)
  const view = inJournal ? journalView(options, clock) : await openView(options, clock, env, usual)
  const reports = [view]
  if (options.syslog && !inJournal) reports.unshift(openSystemLog(options, view.emit, clock))
  if (env.NOTIFY_SOCKET) {
    const lose = (message: string) => void view.emit({ event: 'notice', reason: 'systemd-lost', message })
    reports.unshift(systemdReporter(env, lose, clock))
  }
  if (reports.length === 1) return view
  return {
    emit(event) {
      for (const report of reports) if (report !== view) report.emit(event)
      return view.emit(event)
    },
    close() {
      for (const report of reports) report.close()
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

/** Standard output is the journal: what happens are entries with fields, and the output of tasks plain lines. */
function journalView({ verbosity }: ReportOptions, clock: Clock): Report {
  const out = streamOut(process.stdout)
  const output = outputReporter(out, verbosity)
  const instead = (message: string) => {
    const lines = terminalReporter(out, verbosity)
    lines({ event: 'notice', reason: 'syslog-lost', message })
    return lines
  }
  const journal = journaldReporter(verbosity, instead, clock)
  const emit: Emit = event => {
    // Output waits for the entries before it; its bytes are not ours to keep.
    const before = journal.settled()
    const kept = before !== undefined && 'data' in event ? { ...event, data: Buffer.from(event.data) } : event
    const written = before === undefined ? output(kept) : before.then(() => output(kept))
    return 'data' in event ? written : journal.emit(event)
  }
  return { emit, close() {} }
}

/** `--syslog`: entries with fields where there is a journal, else lines for syslog. */
function openSystemLog({ verbosity }: ReportOptions, shown: Emit, clock: Clock): Report {
  let close = () => {}
  const lines = () => {
    const lose = (message: string) => void shown({ event: 'notice', reason: 'syslog-lost', message })
    const syslog = syslogReporter(verbosity, lose, clock)
    close = syslog.close
    return syslog.emit
  }
  if (!existsSync(journalSocket)) return { emit: lines(), close: () => close() }
  const journal = journaldReporter(verbosity, lines, clock)
  return {
    emit: journal.emit,
    close: () => void (journal.settled() ?? Promise.resolve()).then(() => close()),
  }
}
