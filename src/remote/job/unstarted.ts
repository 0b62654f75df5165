import { createHash } from 'node:crypto'
import { defined } from '../../result.ts'
import type { RunnerContext } from '../context.ts'
import type { JobEnd } from './job.ts'
import type { SpooledExecution } from './spooled-execution.ts'

/** The end of an execution that had not started. */
type WhyUnstarted = Pick<JobEnd, 'outcome' | 'reason' | 'error_message'>

/** An end that no start came before. */
export function unstarted(why: WhyUnstarted, context: RunnerContext): JobEnd {
  const now = context.edges.clock.now().toISOString()
  return {
    ...why,
    exit_code: null,
    output: null,
    started_at: now,
    finished_at: now,
    log_length: 0,
    log_sha256: createHash('sha256').digest('hex'),
    ...defined({ clock_offset: context.clockOffset() }),
  }
}

/** Puts an end on record, and waits for a disk that is full. False: this process is to end before that. */
export async function recordEnd(
  execution: SpooledExecution,
  end: JobEnd,
  { edges, over }: RunnerContext,
): Promise<boolean> {
  for (;;) {
    try {
      execution.writeEnd(end)
      return true
    } catch {
      // A full disk: the result is known while this process lives.
      await edges.clock.sleep(1, over)
      if (over.aborted) return false
    }
  }
}
