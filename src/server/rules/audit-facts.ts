import type { AuditFacts } from '../../protocol/audit-chain.ts'
import type { TokenRow } from '../../store/rows.ts'

/** The change of a call, as the audit log has it. */
export interface AuditedChange {
  /** The id of an execution, a runner or a token; the name of a job or a group; null: no single one. */
  object: string | null
  /** Absent: the namespace of the call, if it is about one. */
  namespace?: string | null
  /** Secrets are sealed, as operators are shown them. */
  before?: unknown
  after?: unknown
  /** There are parts that the store has sealed at rest. */
  confidential?: boolean
  /** Absent: the status that the call is answered with where nothing is refused. */
  status?: number
  /** The token that a call carries in its body, and the session that it has opened. */
  by?: { token: TokenRow; browser_session: string }
}

/** An entry of the audit log about something that no call has done. */
export const factsOf = (
  call: string,
  { object, before = null, after = null }: AuditedChange,
): AuditFacts => ({
  token_id: null,
  token_name: null,
  token_kind: null,
  address: null,
  call,
  method: null,
  path: null,
  namespace: null,
  object,
  status: null,
  reason: null,
  request_id: null,
  count: 1,
  before,
  after,
})

/** Characters of the JSON of a change that are kept whole, and those of a field of a longer one. */
const longest = 16_384
const longestField = 1024

/** The value of a change; of a long one the long fields are left out, which then say how long they were. */
export function bounded(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || JSON.stringify(value).length <= longest) return value
  const short = Object.entries(value).map(([name, field]) => {
    const { length } = JSON.stringify(field) ?? ''
    return [name, length > longestField ? { left_out_characters: length } : field]
  })
  return Object.fromEntries(short)
}
