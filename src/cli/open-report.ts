import type { Clock } from '../edges.ts'
import type { Emit } from '../event.ts'
import type { Verbosity } from '../report/describe.ts'
import { jsonReporter } from '../report/json.ts'
import { streamOut } from '../report/stream.ts'
import { syslogReporter } from '../report/syslog.ts'
import { colours, terminalReporter, wantsColour } from '../report/terminal.ts'

export interface ReportOptions {
  json: boolean
  syslog: boolean
  verbosity: Verbosity
}

/** Opens all that shows a run as it goes. */
export async function openReport(
  options: ReportOptions,
  clock: Clock,
  env: NodeJS.ProcessEnv,
): Promise<{ emit: Emit; close(): void }> {
  const out = streamOut(process.stdout)
  const shown = options.json
    ? jsonReporter(out, clock)
    : terminalReporter(out, options.verbosity, wantsColour(process.stdout, env) ? await colours() : undefined)
  if (!options.syslog) return { emit: shown, close() {} }
  const syslog = syslogReporter(options.verbosity, message =>
    shown({ event: 'notice', reason: 'syslog-lost', message }),
  )
  return {
    emit(event) {
      syslog.emit(event)
      return shown(event)
    },
    close: syslog.close,
  }
}
