import { startTicks } from '../system/proc.ts'
import type { LogFile } from './log-file.ts'
import type { Outputs, Sink } from './output.ts'
import { type Start, startProcess } from './start.ts'
import { type Watch, type WatchedProcess, watchProcess } from './watch.ts'

/** A process to run, and the receivers of its output. */
export interface ProcessRun {
  start: Omit<Start, 'output'>
  watch: Watch
  outputs: Outputs
  log: LogFile
  /** Gets the output after the log. */
  onOutput?: Sink
  onRunning?: (running: { pid: number; start_ticks: string }) => void
  /** Called when no process can write to the output any more. */
  onClosed?: () => void
}

/**
 * Runs a process to its end, and settles the log. Output of processes in the background still reaches the
 * log.
 */
export async function runProcess(run: ProcessRun): Promise<WatchedProcess> {
  const capture = run.outputs.open(data => {
    run.log.write(data)
    return run.onOutput?.(data)
  })
  const started = startProcess({ ...run.start, output: capture.output })
  capture.started(started.pipes)
  const { pid } = started
  if (pid !== undefined) run.onRunning?.({ pid, start_ticks: startTicks(pid) })
  const ended = await watchProcess(started, run.watch)
  capture.drain()
  run.log.settle()
  capture.closed.then(() => run.onClosed?.())
  return ended
}
