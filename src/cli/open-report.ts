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
import { colours, terminalReporter, wantsColour } from '../report/terminal.ts'

export interface ReportOptions {
  json: boolean
  syslog: boolean
  verbosity: Verbosity
}

/** Something that hears of a run, and what is to be done when there will be no more. */
interface Listener {
  emit: Emit
  close(): void
}

/** Opens all that shows a run as it goes, and tells the system of it. */
export async function openReport(
  options: ReportOptions,
  clock: Clock,
  env: NodeJS.ProcessEnv,
): Promise<Listener> {
  const inJournal = !options.json && isJournal(process.stdout.fd, env)
  const shown = inJournal ? journalView(options, clock) : await openView(options, clock, env)
  const listeners: Listener[] = []
  if (options.syslog && !inJournal) listeners.push(openSystemLog(options, shown, clock))
  if (env.NOTIFY_SOCKET) {
    const lose = (message: string) => void shown({ event: 'notice', reason: 'systemd-lost', message })
    listeners.push(systemdReporter(env, lose, clock))
  }
  if (listeners.length === 0) return { emit: shown, close() {} }
  return {
    emit(event) {
      for (const listener of listeners) listener.emit(event)
      return shown(event)
    },
    close() {
      for (const listener of listeners) listener.close()
    },
  }
}

async function openView(options: ReportOptions, clock: Clock, env: NodeJS.ProcessEnv): Promise<Emit> {
  const out = streamOut(process.stdout)
  if (options.json) return jsonReporter(out, clock)
  const paint = wantsColour(process.stdout, env) ? await colours() : undefined
  return terminalReporter(out, options.verbosity, paint)
}

/** Standard output is the journal: what happens are entries with fields, and the output of tasks plain lines. */
function journalView({ verbosity }: ReportOptions, clock: Clock): Emit {
  const out = streamOut(process.stdout)
  const output = outputReporter(out, verbosity)
  const instead = (message: string) => {
    const lines = terminalReporter(out, verbosity)
    lines({ event: 'notice', reason: 'syslog-lost', message })
    return lines
  }
  const journal = journaldReporter(verbosity, instead, clock)
  return event => {
    // Output waits for the entries before it; its bytes are not ours to keep.
    const before = journal.settled()
    const kept = before !== undefined && 'data' in event ? { ...event, data: Buffer.from(event.data) } : event
    const written = before === undefined ? output(kept) : before.then(() => output(kept))
    return 'data' in event ? written : journal.emit(event)
  }
}

/** `--syslog`: entries with fields where there is a journal, else lines for syslog. */
function openSystemLog({ verbosity }: ReportOptions, shown: Emit, clock: Clock): Listener {
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
