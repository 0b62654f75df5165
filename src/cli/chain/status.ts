import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import type { RunRecord } from '../../journal/run-record.ts'
import { runStateOf } from '../../journal/runs.ts'
import { statusFacts, statusText } from '../../report/records/status.ts'
import { print, sayError } from '../../report/say.ts'
import { jsonText } from '../../system/printable.ts'
import type { NewCommand, OptionsOf } from '../define-command.ts'
import { defineRecordCommand, findRecords, findRun, type RecordOptions, readableRuns } from './records.ts'

const options = (command: NewCommand) =>
  command
    .option('--wait', 'wait for the end of the run', false)
    .option('--json', 'print one JSON object', false)

type Options = RecordOptions & OptionsOf<typeof options>

/** Seconds between two looks at a run that is waited for. */
const lookEvery = 0.25

/** Prints the task that the last run is at, or how that run ended. */
async function status(options: Options, env: NodeJS.ProcessEnv): Promise<number> {
  const records = findRecords(options, env)
  if (!records.ok) {
    sayError(`runner: ${records.failure}\n`)
    return exitStatus.config
  }
  const find = () => findRun(records.value, undefined)
  let last = find()
  while (options.wait && last.ok && runStateOf(last.value) === 'running') {
    await systemClock.sleep(lookEvery)
    last = find()
  }
  if (!last.ok) {
    if (options.json) print('null\n')
    sayError(`runner: ${last.failure}\n`)
    return exitStatus.noRun
  }
  const run = last.value
  const earlier = readableRuns(records.value.runs()).filter(
    ({ started }) => started.run_id < run.started.run_id,
  )
  const now = systemClock.now()
  const text = options.json ? `${jsonText(statusFacts(run, earlier, now))}\n` : statusText(run, earlier, now)
  print(text)
  return statusOf(run)
}

/** The status with which the run ended; 0 while it runs. */
function statusOf(run: RunRecord): number {
  if (run.ended !== undefined) return run.ended.exit_status
  return runStateOf(run) === 'running' ? exitStatus.ok : exitStatus.crashed
}

export const command = defineRecordCommand({
  description: 'show how far the last run is, or how it ended',
  options,
  notes: `Exit status: 0 it runs or succeeded, else that of the run: 1, 2, 3, 5, 130 or 143; 6 its process has
gone without a word; 7 no run is on record.`,
  examples: ['runner status', 'runner status --wait && echo all is well'],
  action: (options, _, env) => status(options, env),
})
