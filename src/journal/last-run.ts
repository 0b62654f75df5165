import type { Result } from '../result.ts'
import { runIds, runPath } from './files.ts'
import { type RunRecord, readRun } from './reader.ts'

/**
 * The last run of a task directory that had begun: a run that came no further than its directory did nothing.
 * Undefined where there is none; a failure where its journal says nonsense.
 */
export function lastRunOf(state: string, taskDir: string): Result<RunRecord, string> | undefined {
  for (const id of runIds(state).reverse()) {
    const run = readRun(runPath(state, id))
    if (run.ok && run.value.started.task_dir === taskDir) return run
    if (!run.ok && run.failure !== undefined && run.failure.taskDir === taskDir)
      return { ok: false, failure: `run ${id}: ${run.failure.message}` }
  }
  return undefined
}
