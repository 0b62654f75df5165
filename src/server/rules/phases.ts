import type { Phases } from '../../protocol/messages/measures.ts'
import { defined } from '../../result.ts'
import type { ExecutionRow } from '../../store/rows.ts'

/**
 * The phases of an execution that has just ended: those that its runner has measured, and the wait for a
 * runner, which the server knows better. `before`: its row before the end; `ran`: milliseconds.
 */
export function phasesAtEnd(
  before: Pick<ExecutionRow, 'created_at' | 'started_at'>,
  ran: number,
  said: Phases = {},
): Phases {
  const { queued, image, start, run = ran / 1000, result } = said
  // Until its end an execution has the time of its confirm as that of its start.
  const { created_at, started_at: confirmed_at } = before
  const waited = confirmed_at === null ? queued : Math.max(0, confirmed_at - created_at) / 1000
  return defined({ queued: waited, image, start, run, result })
}
