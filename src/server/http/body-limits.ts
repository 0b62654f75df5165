import type { CallName } from '../../protocol/api.ts'
import { backupBounds, bodyBounds, type JsonBounds } from '../../protocol/json-bounds.ts'

const KiB = 1024
const MiB = 1024 * KiB

/** Bytes that the body of a call may have, where it may be larger than a small message. */
const limits: Partial<Record<CallName, number>> = {
  heartbeat: MiB,
  appendLog: MiB,
  // The largest output (32 MiB) as it is sealed, and its frame.
  result: 48 * MiB,
  putJob: 16 * MiB,
  postJob: 16 * MiB,
  submit: 16 * MiB,
  script: 16 * MiB,
  // All definitions at once.
  restore: 256 * MiB,
}

/** Bytes that the body of a call may have; more is 413. */
export const bodyLimit = (call: CallName): number => limits[call] ?? 64 * KiB

/**
 * Seconds that a body of `length` bytes may take to arrive: some for each body, and one more for so many
 * bytes.
 */
export const bodySeconds = (length: number): number => Math.min(300, 30 + length / (16 * KiB))

/** The bounds of the JSON of a call. */
export const boundsOf = (call: CallName): JsonBounds => (call === 'restore' ? backupBounds : bodyBounds)
