import { problems, problemType } from '../../protocol/problem.ts'
import { defined } from '../../result.ts'
import type { Refusal } from '../rules/refusal.ts'

export const problemMediaType = 'application/problem+json; charset=utf-8'

/** The status of a refusal. */
export const statusOf = ({ reason }: Refusal): number => problems[reason][0]

/** Seconds after which a call that the store could not take is worth another try. */
const unavailableFor = 2

/** The header Retry-After of a refusal, in seconds, if it has one. */
export const waitOf = ({ reason, retry_after }: Refusal): number | undefined =>
  retry_after ?? (reason === 'unavailable' ? unavailableFor : undefined)

/** A refusal as the text of a problem document (RFC 9457); `instance` is the id of the request. */
export function problemText(refusal: Refusal, instance: string, indent?: number): string {
  const [status, title] = problems[refusal.reason]
  const document = {
    type: problemType(refusal.reason),
    title,
    status,
    ...defined({ detail: refusal.detail }),
    instance,
    ...defined({ length: refusal.length }),
  }
  return `${JSON.stringify(document, null, indent)}\n`
}
