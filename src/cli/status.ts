import { systemClock } from '../edges.ts'
import { exitStatus } from '../exit-status.ts'
import type { RunRecord } from '../journal/reader.ts'
import { stateOf } from '../journal/runs.ts'
import { jsonText } from '../process/printable.ts'
import { statusFacts, statusText } from '../report/history.ts'
import { findRecords, findRun, type RecordOptions, readable } from './records.ts'
import { print, sayError } from './say.ts'

export interface StatusCommandOptions extends RecordOptions {
  wait: boolean
  json: boolean
}

/** Seconds between two looks at a run that is waited for. */
const lookEvery = 0.25

/** `runner status`: what the last run is at, or how it ended. */
export async function statusCommand(options: StatusCommandOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const records = findRecords(options, env)
  if (!records.ok) {
    sayError(`runner: ${records.failure}\n`)
    return exitStatus.config
  }
  const find = () => findRun(records.value, undefined)
  let last = find()
  while (options.wait && last.ok && stateOf(last.value) === 'running') {
    await systemClock.sleep(lookEvery)
    last = find()
  }
  if (!last.ok) {
    if (options.json) print('null\n')
    sayError(`runner: ${last.failure}\n`)
    return exitStatus.noRun
  }
  const run = last.value
  const earlier = readable(records.value.runs()).filter(({ started }) => started.run_id < run.started.run_id)
  const now = systemClock.now()
  const text = options.json ? `${jsonText(statusFacts(run, earlier, now))}\n` : statusText(run, earlier, now)
  print(text)
  return statusOf(run)
}

/** The status with which the run ended; 0 while it runs. */
function statusOf(run: RunRecord): number {
  if (run.ended !== undefined) return run.ended.exit_status
  return stateOf(run) === 'running' ? exitStatus.ok : exitStatus.crashed
}
