import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { historyText } from '../../report/records/history.ts'
import { summarize } from '../../report/records/run-summary.ts'
import { print, sayError } from '../../report/say.ts'
import { jsonText } from '../../system/printable.ts'
import type { NewCommand, OptionsOf } from '../define-command.ts'
import { defineRecordCommand, findRecords, type RecordOptions } from './records.ts'

const options = (command: NewCommand) => command.option('--json', 'print a JSON array', false)

type Options = RecordOptions & OptionsOf<typeof options>

/** Prints the runs on record, the latest first. */
function history(options: Options, env: NodeJS.ProcessEnv): number {
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

export const command = defineRecordCommand({
  description: 'list the runs on record, the latest first',
  options,
  examples: ['runner history', "runner history --json | jq '.[].state'"],
  action: (options, _, env) => history(options, env),
})
