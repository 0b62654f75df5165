import { errorCode } from '../result.ts'

/** Why a store does not work. */
export type StoreFailureReason =
  /** Not to be reached, or it answers no more. */
  | 'unavailable'
  | 'disk-full'
  | 'read-only'
  /** Its rows or files cannot be read. */
  | 'damaged'
  /** A newer program has written a row, or has migrated the store. */
  | 'too-new'
  /** Another server has it. */
  | 'in-use'
  /** It has been closed. */
  | 'closed'
  | 'failed'

/** The store did not work: thrown by its calls, so that each of them need not say so in its type. */
export class StoreFailure extends Error {
  override readonly name = 'StoreFailure'
  readonly reason: StoreFailureReason

  /** `detail` is for a person, and never has a secret in it. */
  constructor(reason: StoreFailureReason, detail: string, options?: ErrorOptions) {
    super(detail, options)
    this.reason = reason
  }
}

/** Whether the store works, and a row of it cannot be read: nothing else suffers from that. */
export function isUnreadable(error: unknown): error is StoreFailure & { reason: UnreadableReason } {
  return error instanceof StoreFailure && (error.reason === 'damaged' || error.reason === 'too-new')
}

/** Why a row cannot be read. */
export type UnreadableReason = 'damaged' | 'too-new'

/** A sentence for a person where nothing more can be written; `what` names the path. */
export const diskFullText = (what: string): string =>
  `no space is left for ${what}: make room on that disk, then start the server again`

/** Whether the system has refused to write since a disk, or somebody's part of it, is full. */
export const isDiskFull = (error: unknown): boolean =>
  error instanceof StoreFailure
    ? error.reason === 'disk-full'
    : ['ENOSPC', 'EDQUOT'].includes(errorCode(error))
