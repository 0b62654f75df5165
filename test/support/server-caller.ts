/* Callers of the server's use cases, as its handlers give them. */
import type { Rights } from '../../src/server/rules/rights.ts'
import type { AskedBy } from '../../src/server/state/idempotency.ts'
import type { JobName } from '../../src/store/filters.ts'
import { defaultNamespace } from '../../src/store/rows.ts'

/** The rights of an administrator. */
export const everything: Rights = {
  namespaces: undefined,
  namespace: defaultNamespace,
  submitter: undefined,
}

/** A job of the default namespace. */
export const named = (name: string): JobName => ({ namespace: defaultNamespace, name })

/** The author of a call in the default namespace. */
export const askedBy = (by: Partial<AskedBy> = {}): AskedBy => ({
  token_id: 'token',
  namespace: defaultNamespace,
  submitter: null,
  body_sha256: 'body',
  ...by,
})

/** The author of a script. */
export const scriptBy = (token_id = 'token') => ({ namespace: defaultNamespace, token_id })
