import type { RunEnd } from '../event.ts'
import { startTicks } from '../process/tree.ts'
import { fail, type Result } from '../result.ts'
import { readBootId } from './boot-id.ts'
import { runIds, runPath } from './files.ts'
import { type HookRecord, type RunRecord, readRun, type TryRecord } from './reader.ts'

/** How a run stands: it runs, it ended for a reason, or its process has gone without a word. */
export type RunState = 'running' | 'crashed' | RunEnd

/** A run on record: what it was, or why that cannot be said. */
export interface RunOnRecord {
  id: number
  run: Result<RunRecord, string>
  /** What can be made out of one that cannot be read as a whole. */
  rest?: RunRecord
}

/**
 * The runs of a task directory on record, the latest first, read as they are asked for. One that cannot be read
 * is among them, also where it cannot be said whose it was.
 */
export function* runsOf(state: string, taskDir: string): Generator<RunOnRecord> {
  for (const id of runIds(state).reverse()) {
    const run = readRun(runPath(state, id))
    if (run.ok) {
      if (run.value.started.task_dir === taskDir) yield { id, run }
    } else if (run.failure.begun && (run.failure.taskDir ?? taskDir) === taskDir)
      yield { id, run: fail(run.failure.message), ...(run.failure.rest ? { rest: run.failure.rest } : {}) }
  }
}

export function stateOf(run: RunRecord): RunState {
  if (run.ended !== undefined) return run.ended.reason
  const { boot_id, pid, start_ticks } = run.started
  return boot_id === readBootId() && startTicks(pid) === start_ticks ? 'running' : 'crashed'
}

/** Seconds that a task usually takes: the median of its tries that were OK; undefined where there are none. */
export function usualDuration(task: string, runs: readonly RunRecord[]): number | undefined {
  const durations = runs
    .flatMap(run => run.tries)
    .filter(({ started, ended }) => started.task === task && ended?.outcome === 'OK')
    .map(({ ended }) => ended!.duration_seconds)
    .sort((a, b) => a - b)
  return durations[durations.length >> 1]
}

/** The try that is under way, or was when the end came. */
export function openTry({ tries }: RunRecord): TryRecord | undefined {
  return tries.at(-1)?.ended === undefined ? tries.at(-1) : undefined
}

/** The hook that is under way, or was when the end came. */
export function openHook({ hooks }: RunRecord): HookRecord | undefined {
  return hooks.at(-1)?.ended === undefined ? hooks.at(-1) : undefined
}

/** Seconds from one time of the journal to another. */
export function secondsBetween(from: string, to: string | Date): number {
  return Math.max(0, (new Date(to).getTime() - new Date(from).getTime()) / 1000)
}
