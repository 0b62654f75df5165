import type { Failure, FailureReason, Retry } from '../executor.ts'

/** When a call may succeed that failed for a reason. A reason that is not listed: never. */
const retries: Partial<Record<FailureReason, Retry>> = {
  'engine-unreachable': 'when-back',
  'engine-timeout': 'when-back',
  'engine-refused': 'soon',
  conflict: 'soon',
  'executor-not-started': 'soon',
  'no-network': 'soon',
  'executor-lost': 'soon',
  'files-left': 'soon',
  'spool-lost': 'soon',
}

/** Makes a failure, with the `retry` that follows from its reason. */
export const toFailure = (reason: FailureReason, message: string): Failure => ({
  reason,
  message,
  retry: retries[reason] ?? 'never',
})
