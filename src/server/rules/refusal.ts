import type { ProblemReason } from '../../protocol/problem.ts'
import { fail } from '../../result.ts'

/** The reason why a call was refused; becomes a problem document. */
export interface Refusal {
  reason: ProblemReason
  /** A sentence for a person; never a secret. */
  detail?: string
  /** Seconds after which another try may succeed. */
  retry_after?: number
  /** The length of the log so far, for a chunk with the wrong offset. */
  length?: number
}

/** A refusal as a result. */
export function refuse(reason: ProblemReason, detail?: string): { ok: false; failure: Refusal } {
  return fail(detail === undefined ? { reason } : { reason, detail })
}
