import type { RunEnd } from '../event.ts'
import { fail, type Result } from '../result.ts'
import { readBootId } from '../system/boot-id.ts'
import { startTicks } from '../system/proc.ts'
import { runIds, runPath } from './files.ts'
import { readRun } from './reader.ts'
import type { HookRecord, RunRecord, TryRecord } from './run-record.ts'

/**
 * The state of a run: it runs, it ended for a reason, or its process has disappeared without an end on
 * record.
 */
export type RunState = 'running' | 'crashed' | RunEnd

/** A run on record, or the reason why its record cannot be read. */
export interface RunOnRecord {
  id: number
  run: Result<RunRecord, string>
  /** The readable part of a record that cannot be read as a whole. */
  rest?: RunRecord | undefined
}

/**
 * The runs of a task directory on record, the latest first, each read when it is asked for. Runs that cannot
 * be read are among them, even if their task directory is not known.
 */
export function* runsOf(state: string, taskDir: string): Generator<RunOnRecord> {
  for (const id of runIds(state).reverse()) {
    const run = readRun(runPath(state, id))
    if (run.ok) {
      if (run.value.started.task_dir === taskDir) yield { id, run }
    } else if (run.failure.begun && (run.failure.taskDir ?? taskDir) === taskDir)
      yield { id, run: fail(run.failure.message), rest: run.failure.rest }
  }
}

export function runStateOf(run: RunRecord): RunState {
  if (run.ended !== undefined) return run.ended.reason
  const { boot_id, pid, start_ticks } = run.started
  return boot_id === readBootId() && startTicks(pid) === start_ticks ? 'running' : 'crashed'
}

/** Seconds that a task usually takes: the median of its tries that were OK; undefined where it has none. */
export function usualDuration(task: string, runs: readonly RunRecord[]): number | undefined {
  const durations = runs
    .flatMap(run => run.tries)
    .filter(({ started, ended }) => started.task === task && ended?.outcome === 'OK')
    .map(({ ended }) => ended!.duration_seconds)
    .sort((a, b) => a - b)
  return durations[durations.length >> 1]
}

/**
 * The tries and hooks that are under way, or were at the end of the record: in the order of the chain, the
 * halt task last.
 */
export function openProcesses({ started, tries, hooks }: RunRecord): (TryRecord | HookRecord)[] {
  const order = started.tasks.map(({ task }) => task)
  const place = ({ started: { task, kind } }: TryRecord | HookRecord) =>
    kind === 'halt' ? order.length : order.indexOf(task)
  return [...hooks, ...tries].filter(({ ended }) => ended === undefined).sort((a, b) => place(a) - place(b))
}

/** Seconds from one time of the journal to another. */
export function secondsBetween(from: string, to: string | Date): number {
  return Math.max(0, (new Date(to).getTime() - new Date(from).getTime()) / 1000)
}
