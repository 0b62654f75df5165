import { hash } from 'node:crypto'
import { ok, type Result } from '../../result.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'

/** The author of a request for an execution, and the marks by which a repetition is recognized. */
export interface AskedBy {
  token_id: string
  /** The namespace of the new execution. */
  namespace: string
  /** The token, where it is a submitter's. */
  submitter: string | null
  idempotency_key?: string
  /** The hash of the body of a request with a key; else empty. */
  body_sha256: string
}

/** For how many milliseconds of watched time the same idempotency key gives the same execution. */
export const keyLasts = 24 * 3600 * 1000

/** An execution that a call has made, or had made before. */
export interface Made {
  row: ExecutionRow
  isNew: boolean
}

/**
 * Makes an execution, or finds the one that the same request with the same key made within the last 24 hours.
 */
export async function once(
  tx: Writer,
  by: AskedBy,
  question: string,
  make: () => Promise<Result<ExecutionRow, Refusal>>,
): Promise<Result<Made, Refusal>> {
  const key = by.idempotency_key
  if (key === undefined) {
    const made = await make()
    return made.ok ? ok({ row: made.value, isNew: true }) : made
  }
  const body_sha256 = hash('sha256', `${question}\n${by.body_sha256}`)
  const before = await tx.idempotency(by.token_id, key)
  if (before !== undefined && before.created_at > tx.watched - keyLasts) {
    if (before.body_sha256 !== body_sha256)
      return refuse('key-reused', 'take a new Idempotency-Key for another request')
    const row = await tx.execution(before.execution_id)
    if (row === undefined)
      return refuse('not-found', 'the execution that this Idempotency-Key made was removed')
    return ok({ row, isNew: false })
  }
  const made = await make()
  if (!made.ok) return made
  const row = made.value
  tx.putIdempotency({
    token_id: by.token_id,
    key,
    body_sha256,
    execution_id: row.id,
    created_at: tx.watched,
  })
  return ok({ row, isNew: true })
}
