import { systemClock } from '../edges.ts'
import { exitStatus } from '../exit-status.ts'
import { jsonText } from '../process/printable.ts'
import { historyText, summarize } from '../report/history.ts'
import { findRecords, type RecordOptions } from './records.ts'
import { print, sayError } from './say.ts'

export interface HistoryCommandOptions extends RecordOptions {
  json: boolean
}

/** `runner history`: the runs on record, the latest first. */
export function historyCommand(options: HistoryCommandOptions, env: NodeJS.ProcessEnv): number {
  const records = findRecords(options, env)
  if (!records.ok) {
    sayError(`runner: ${records.failure}\n`)
    return exitStatus.config
  }
  const now = systemClock.now()
  const runs = [...records.value.runs()].map(({ id, run }) =>
    run.ok ? summarize(run.value, now) : { run_id: id, state: 'unreadable' as const, message: run.failure },
  )
  print(options.json ? `${jsonText(runs)}\n` : historyText(runs))
  return exitStatus.ok
}
