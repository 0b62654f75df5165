import type { RunEnd, TryEnd } from '../event.ts'
import { exitStatus } from '../exit-status.ts'
import { removeOldRuns } from '../journal/files.ts'
import type { Journal } from '../journal/writer.ts'
import { defined } from '../result.ts'
import type { EndOfChain } from './chain.ts'
import type { RunPlan } from './plan-run.ts'
import type { RunOptions } from './run-options.ts'

export interface RunInProgress {
  runId: number
  /** The monotonic time of its beginning. */
  begun: number
  /** The number of skipped tasks among those that are done. */
  skipped: number
  journal: Journal
}

/**
 * Puts the end of a run on record, and removes runs that are older than `keep_runs`; resolves to its exit
 * status.
 */
export async function finishRun(
  end: EndOfChain,
  { taskDir }: RunPlan,
  { configuration, edges, emit, state, stop }: RunOptions,
  { runId, begun, skipped, journal }: RunInProgress,
): Promise<number> {
  const exit_status = statusOf(end.reason, stop)
  emit({
    event: 'run:ended',
    run_id: runId,
    reason: end.reason,
    exit_status,
    ...defined({ task: end.task }),
    tasks_done: end.done,
    ...defined({ tasks_skipped: skipped || undefined }),
    duration_seconds: Math.round((edges.clock.monotonic() - begun) * 1000) / 1000,
    ...defined({ failure: failureOf(end) }),
  })
  await journal.flush()
  if (state !== undefined) removeOldRuns(state, configuration.runner.keep_runs, taskDir)
  return exit_status
}

function statusOf(reason: RunEnd, stop: AbortSignal): number {
  switch (reason) {
    case 'succeeded':
      return exitStatus.ok
    case 'gave-up':
      return exitStatus.gaveUp
    case 'halted':
      return exitStatus.halted
    case 'exited':
      return exitStatus.exited
    case 'reboot':
      return exitStatus.reboot
    case 'interrupted':
      return exitStatus.interrupted[stop.reason as 'SIGINT' | 'SIGTERM']
  }
}

type Failure = Pick<TryEnd, 'exit_code' | 'signal' | 'failure' | 'last_lines'>

/** The end of the try that decided the run, where that is a failure. */
function failureOf({ reason, end }: EndOfChain): Failure | undefined {
  if (end === undefined || reason === 'reboot') return undefined
  const { exit_code, signal, failure, last_lines } = end
  return { ...defined({ exit_code, signal, failure }), last_lines }
}
