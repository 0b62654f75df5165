import type { ClientFailure } from '../../protocol/client/client-failure.ts'
import { serverFeatures } from '../../protocol/messages/runner-features.ts'
import type { Result } from '../../result.ts'

/** The fields of messages that release 0.1.0 does not know. */
const newFields = [
  'host',
  'features',
  'unable_because',
  'image_digests',
  'image_digest',
  ...serverFeatures,
] as const

/** A message without the new fields that a server refuses; undefined where it refuses none that is there. */
function withoutRefused<B extends { [field in (typeof newFields)[number]]?: unknown }>(
  body: B,
  { reason, message }: ClientFailure,
): B | undefined {
  const refused = newFields.filter(
    field => reason === 'malformed' && field in body && new RegExp(`\\b${field}\\b`).test(message),
  )
  if (refused.length === 0) return undefined
  const rest = { ...body }
  for (const field of refused) delete rest[field]
  return rest
}

/**
 * Makes a call, and again without the new fields that the server refuses: an older one may name one after the
 * other.
 */
export async function orWithoutRefused<B extends object, T, F extends ClientFailure>(
  message: B,
  call: (body: B) => Promise<Result<T, F>>,
): Promise<Result<T, F>> {
  let answer = await call(message)
  for (let body: B | undefined = message; !answer.ok; ) {
    body = withoutRefused(body, answer.failure)
    if (body === undefined) break
    answer = await call(body)
  }
  return answer
}
