import { problems, problemType } from '../protocol/problem.ts'
import type { Refusal } from './refusal.ts'

/** A refusal that also says when to try again. */
export interface HttpRefusal extends Refusal {
  /** Seconds. */
  retry_after?: number
}

export const problemMediaType = 'application/problem+json; charset=utf-8'

/** The status of a refusal. */
export const statusOf = ({ reason }: Refusal): number => problems[reason][0]

/** A refusal as the text of a problem document (RFC 9457); `instance` is the id of the request. */
export function problemText(refusal: Refusal, instance: string, indent?: number): string {
  const [status, title] = problems[refusal.reason]
  const document = {
    type: problemType(refusal.reason),
    title,
    status,
    ...(refusal.detail === undefined ? {} : { detail: refusal.detail }),
    instance,
    ...(refusal.length === undefined ? {} : { length: refusal.length }),
  }
  return `${JSON.stringify(document, null, indent)}\n`
}
