import { existsSync } from 'node:fs'
import type { Clock } from '../../edges.ts'
import type { Emit, Event, NoticeReason } from '../../event.ts'
import type { Verbosity } from '../../report/describe.ts'
import { adviser } from '../../report/run/advice.ts'
import { isJournal, journaldReporter, journalSocket } from '../../report/run/journald.ts'
import { jsonReporter } from '../../report/run/json.ts'
import { outputReporter } from '../../report/run/output-lines.ts'
import { limitStalls } from '../../report/run/stall-limit.ts'
import { syslogReporter } from '../../report/run/syslog.ts'
import { colours, plainColours, terminalReporter, wantsColour } from '../../report/run/terminal.ts'
import { streamOut } from '../../report/stream.ts'
import { systemdReporter } from '../../report/systemd.ts'
import { defined } from '../../result.ts'

export interface ReportOptions {
  json: boolean
  syslog: boolean
  verbosity: Verbosity
  /** `-c` and the task directory of the command line, which advice about the run repeats. */
  config?: string
  directory?: string | undefined
}

/** Shows a notice that a report cannot be made. */
type Lost = (reason: NoticeReason, message: string, show: Emit) => void

/** An open report: gets the events of a run until it is closed. */
export interface Report {
  emit: Emit
  close(): void
}

/**
 * Opens the views of a run, and the reports to the system log and to systemd. `usual` gives the seconds that
 * a task usually takes; `record` gets notices about the reports themselves before they are shown.
 */
export async function openReport(
  options: ReportOptions,
  clock: Clock,
  env: NodeJS.ProcessEnv,
  usual: (task: string) => number | undefined,
  record: (event: Event) => void,
): Promise<Report> {
  const lost: Lost = (reason, message, show) => {
    const event = { event: 'notice', reason, message } as const
    record(event)
    void show(event)
  }
  const inJournal = !options.json && isJournal(process.stdout.fd, env)
  const shown = inJournal ? journalView(options, clock, lost) : await openView(options, clock, env, usual)
  const view = { emit: limitStalls(shown.emit, clock), close: () => shown.close() }
  const reports = [view]
  if (options.syslog && !inJournal) reports.unshift(openSystemLog(options, view.emit, clock, lost))
  if (env.NOTIFY_SOCKET) {
    const lose = (message: string) => lost('systemd-lost', message, view.emit)
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
  { json, verbosity, config, directory }: ReportOptions,
  clock: Clock,
  env: NodeJS.ProcessEnv,
  usual: (task: string) => number | undefined,
): Promise<Report> {
  const out = streamOut(process.stdout)
  if (json) return { emit: jsonReporter(out, clock), close() {} }
  const { paint, palette } = wantsColour(process.stdout, env) ? await colours() : plainColours
  const { stdout } = process
  const advise = stdout.isTTY && verbosity !== 'quiet' ? adviser(defined({ config, directory })) : () => []
  if (!stdout.isTTY || env.TERM === 'dumb' || verbosity !== 'normal')
    return { emit: terminalReporter(out, verbosity, paint, advise), close() {} }
  const { LiveView } = await import('../../report/run/live.ts')
  let busy = false
  const terminal = {
    write(text: string) {
      const taken = out.write(text)
      if (taken === undefined) return
      busy = true
      void taken.then(() => (busy = false))
    },
    get isBusy() {
      return busy
    },
    get size() {
      // The terminal itself is asked: SIGWINCH comes only after a new size is in force.
      ;(stdout as typeof stdout & { _refreshSize?(): void })._refreshSize?.()
      return { columns: stdout.columns || 80, rows: stdout.rows || 24 }
    },
  }
  const view = new LiveView({ terminal, clock, paint, palette, usual, advise })
  return { emit: view.emit, close: () => view.close() }
}

/** For a standard output that is the journal: events are entries with fields, output of tasks plain lines. */
function journalView({ verbosity }: ReportOptions, clock: Clock, lost: Lost): Report {
  const out = streamOut(process.stdout)
  const output = outputReporter(out, verbosity)
  const instead = (message: string) => {
    const lines = terminalReporter(out, verbosity)
    lost('syslog-lost', message, lines)
    return lines
  }
  const journal = journaldReporter(verbosity, instead, clock)
  const emit: Emit = event => {
    // Output waits for the entries before it, so its bytes are copied: the reader reuses their buffer.
    const before = journal.settled()
    const kept = before !== undefined && 'data' in event ? { ...event, data: Buffer.from(event.data) } : event
    const written = before === undefined ? output(kept) : before.then(() => output(kept))
    return 'data' in event ? written : journal.emit(event)
  }
  return { emit, close() {} }
}

/** `--syslog`: entries with fields where there is a journal, else lines for syslog. */
function openSystemLog({ verbosity }: ReportOptions, shown: Emit, clock: Clock, lost: Lost): Report {
  let close = () => {}
  const lines = () => {
    const lose = (message: string) => lost('syslog-lost', message, shown)
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
