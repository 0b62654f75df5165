import { ok, type Result } from '../result.ts'
import type { Caller } from './context.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { ExecutionRow, Reader } from './store/store.ts'

/** The execution that a runner's call is about; a runner touches only what it holds, or held last. */
export async function ownExecution(
  tx: Reader,
  caller: Caller,
  id: string,
): Promise<Result<ExecutionRow, Refusal>> {
  const row = await tx.execution(id)
  if (row === undefined) return refuse('not-found')
  if (row.runner_id === caller.runner_id) return ok(row)
  return row.runner_id === null
    ? refuse('reservation-expired', 'It was not confirmed in time and went back to the queue')
    : refuse('not-yours')
}
