import { fail, ok, type Result } from '../result.ts'
import type { RunRecord } from './reader.ts'
import { runsOf } from './runs.ts'

/** The runs that the next run of a task directory has to know of. */
export interface LastRuns {
  /** The last one, whatever it was of; of it something may be left. */
  any?: RunRecord
  /** The last one of the whole chain, which can be gone on with; a message where it cannot be read. */
  whole?: Result<RunRecord, string>
}

/** A run that came no further than its directory did nothing, and does not count. */
export function lastRunsOf(state: string, taskDir: string): LastRuns {
  let any: RunRecord | undefined
  for (const { id, run } of runsOf(state, taskDir)) {
    if (run.ok) any ??= run.value
    if (run.ok && run.value.started.partial) continue
    const whole = run.ok ? ok(run.value) : fail(`run ${id}: ${run.failure}`)
    return { ...(any === undefined ? {} : { any }), whole }
  }
  return any === undefined ? {} : { any }
}
