import { fail, ok, type Result } from '../../result.ts'
import { waitFor } from '../../system/backoff.ts'
import { pause } from '../../system/wait.ts'
import type { RunnerContext } from '../context.ts'

/** Why an execution was not confirmed. */
export type Unconfirmed =
  /** The server gives it to this runner no more. */
  | { reason: 'refused'; message: string }
  /** `stop` has aborted, or this process ends: whether the server has heard of it is not known. */
  | { reason: 'stopped' }

export interface ConfirmOptions {
  context: RunnerContext
  execution_id: string
  /** Under which it is held now: another one may come meanwhile. */
  leaseId(): string
  /** Ends all waiting. */
  stop: AbortSignal
}

/**
 * Takes an execution, in the eyes of the server, and asks until there is an answer. Resolves to the time of
 * the answer, on the monotonic clock.
 */
export async function confirm(options: ConfirmOptions): Promise<Result<number, Unconfirmed>> {
  const { context, execution_id, leaseId, stop } = options
  const { api, edges, back } = context
  for (let failures = 0; !stop.aborted; ) {
    const answer = await api.confirm(execution_id, leaseId(), stop)
    if (answer.ok) return ok(edges.clock.monotonic())
    const { meaning, message } = answer.failure
    if (meaning === 'again')
      await pause(edges.clock, waitFor(++failures, edges.chance.random(), answer.failure), back, stop)
    else if (meaning === 'stopped') break
    else if (!(await context.recoverSession(answer.failure))) return fail({ reason: 'refused', message })
  }
  return fail({ reason: 'stopped' })
}
