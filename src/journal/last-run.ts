import { fail, ok, type Result } from '../result.ts'
import type { RunRecord } from './reader.ts'
import { runsOf } from './runs.ts'

/** The runs that the next run of a task directory has to know of. */
export interface LastRuns {
  /** The last one, whatever it was of; of it something may be left. */
  any?: RunRecord
  /** Why no more is known of that one. */
  problem?: string
  /** A later one of which nothing is known, and why. */
  unknown?: { id: number; problem: string }
  /** The last one of the whole chain, which can be gone on with; a message where it cannot be read. */
  whole?: Result<RunRecord, string>
}

/** A run that came no further than its directory did nothing, and does not count. */
export function lastRunsOf(state: string, taskDir: string): LastRuns {
  const last: LastRuns = {}
  for (const { id, run, rest } of runsOf(state, taskDir)) {
    const known = run.ok ? run.value : rest
    if (last.any === undefined && known !== undefined) {
      last.any = known
      if (!run.ok) last.problem = run.failure
    } else if (last.any === undefined && !run.ok) last.unknown ??= { id, problem: run.failure }
    if (run.ok && run.value.started.partial) continue
    last.whole = run.ok ? ok(run.value) : fail(`run ${id}: ${run.failure}`)
    break
  }
  return last
}
