import type { RunRecord } from '../../journal/run-record.ts'
import { runsOf, usualDuration } from '../../journal/runs.ts'
import { readableRuns } from './records.ts'

/** The usual durations of the tasks of a chain. The first question reads the earlier runs, once. */
export class UsualDurations {
  #read: () => RunRecord[] = () => []
  #runs: RunRecord[] | undefined

  /** Takes the runs of this chain on record. */
  lookAt(stateDir: string, taskDir: string): void {
    this.#read = () => readableRuns(runsOf(stateDir, taskDir))
  }

  /** Seconds that a task usually takes; undefined where no run on record tells. */
  of(task: string): number | undefined {
    this.#runs ??= this.#read()
    return usualDuration(task, this.#runs)
  }
}
