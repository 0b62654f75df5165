import { fail, ok, type Result } from '../result.ts'
import type { RunRecord } from './run-record.ts'
import { runsOf } from './runs.ts'

/** The earlier runs that the next run of a task directory depends on. */
export interface LastRuns {
  /** The last run, complete or partial; processes of it may be left. */
  any?: RunRecord | undefined
  /** The reason why that run is known only in part. */
  problem?: string
  /** A later run whose record cannot be read at all, and the reason. */
  unknown?: { id: number; problem: string }
  /** The last run of the whole chain, which can be resumed; a message where its record cannot be read. */
  whole?: Result<RunRecord, string>
}

/** Finds the last runs of a task directory. A run without a journal has done nothing, and does not count. */
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
