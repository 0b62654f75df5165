import { systemClock } from '../edges.ts'
import { exitStatus } from '../exit-status.ts'
import type { RunRecord } from '../journal/reader.ts'
import { stateOf } from '../journal/runs.ts'
import { statusFacts, statusText } from '../report/history.ts'
import { findRecords, type RecordOptions } from './records.ts'
import { sayError } from './say.ts'

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
  let [last, ...earlier] = records.value.runs()
  while (options.wait && last !== undefined && stateOf(last) === 'running') {
    await systemClock.sleep(lookEvery)
    ;[last, ...earlier] = records.value.runs()
  }
  if (last === undefined) {
    if (options.json) process.stdout.write('null\n')
    else sayError(`runner: no run of ${records.value.taskDir} is on record in ${records.value.state}\n`)
    return exitStatus.noRun
  }
  const now = systemClock.now()
  const text = options.json
    ? `${JSON.stringify(statusFacts(last, earlier, now))}\n`
    : statusText(last, earlier, now)
  process.stdout.write(text)
  return statusOf(last)
}

/** The status with which the run ended; 0 while it runs. */
function statusOf(run: RunRecord): number {
  if (run.ended !== undefined) return run.ended.exit_status
  return stateOf(run) === 'running' ? exitStatus.ok : exitStatus.crashed
}
