/* Whether runner may do in its namespace what it has to. */
import { fail, ok, type Result } from '../../../result.ts'
import type { Failure } from '../executor.ts'
import type { ClusterApi } from './api.ts'

/** The rights that deploy/kubernetes/rbac.yaml gives. */
const wanted: readonly { resource: string; subresource?: string; verbs: readonly string[] }[] = [
  { resource: 'pods', verbs: ['get', 'list', 'watch', 'create', 'delete'] },
  { resource: 'pods', subresource: 'log', verbs: ['get'] },
  { resource: 'pods', subresource: 'exec', verbs: ['get', 'create'] },
  { resource: 'serviceaccounts', verbs: ['get', 'list', 'create', 'delete'] },
  { resource: 'secrets', verbs: ['get', 'list', 'watch', 'create', 'update', 'delete'] },
]

interface AccessReview {
  status?: { allowed?: boolean }
}

/** The rights that are missing: `create pods`. */
export async function missingRights(api: ClusterApi): Promise<Result<string[], Failure>> {
  const asked = wanted.flatMap(({ resource, subresource, verbs }) =>
    verbs.map(verb => ({ resource, verb, ...(subresource && { subresource }) })),
  )
  const answers = await Promise.all(
    asked.map(attributes =>
      api.create<AccessReview>('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes: { namespace: api.namespace, ...attributes } },
      }),
    ),
  )
  const missing: string[] = []
  for (const [index, answer] of answers.entries()) {
    if (!answer.ok) return fail(answer.failure)
    const { verb, resource, subresource } = asked[index]!
    if (answer.value.status?.allowed !== true)
      missing.push(`${verb} ${resource}${subresource === undefined ? '' : `/${subresource}`}`)
  }
  return ok(missing)
}
