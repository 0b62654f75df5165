import type { LogFile } from './log-file.ts'
import type { Outputs, Sink } from './output.ts'
import { type Start, startProcess } from './start.ts'
import { startTicks } from './tree.ts'
import { type Watch, type Watched, watchProcess } from './watch.ts'

/** A process that is to be run, and what becomes of its output. */
export interface ProcessRun {
  start: Omit<Start, 'output'>
  watch: Watch
  outputs: Outputs
  log: LogFile
  /** Hears of the output when the log has it. */
  onOutput?: Sink
  onRunning?: (running: { pid: number; start_ticks: string }) => void
  /** Called when nobody can write to the output any more. */
  onClosed?: () => void
}

/** Runs a process to its end; then the log is settled. What it leaves in the background still reaches the log. */
export async function runProcess(run: ProcessRun): Promise<Watched> {
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
