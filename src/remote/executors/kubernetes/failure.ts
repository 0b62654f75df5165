/* The meanings of refusals of the API server. */
import type { Failure, FailureReason, Retry } from '../executor.ts'
import type { StatusObject } from './objects.ts'

interface RefusedCall {
  method: string
  path: string
  namespace: string
}

/** The advice about the rights of a runner, which names their file in this repository. */
const rights = 'give the service account of runner the Role of deploy/kubernetes/rbac.yaml'

/** Makes a failure of an answer that is not a success. */
export function refusalOf(
  code: number,
  status: StatusObject,
  { method, path, namespace }: RefusedCall,
): Failure {
  const said = status.message ?? `status ${code}`
  const what = `${method} ${path} in the namespace ${namespace}`
  const as = (reason: FailureReason, retry: Retry, message: string): Failure => ({ reason, retry, message })
  if (code === 401)
    return as(
      'engine-refused',
      'when-back',
      'the cluster does not know the credentials of runner: check kubeconfig',
    )
  if (code === 403 && /exceeded quota/.test(said))
    return as('engine-refused', 'soon', `a quota of the namespace ${namespace} is used up: ${said}`)
  if (code === 403) return as('engine-refused', 'soon', `the cluster forbids ${what}: ${said}; ${rights}`)
  if (code === 404) return as('not-found', 'never', said)
  if (code === 409) return as('conflict', 'soon', said)
  if (code === 429 || code >= 500)
    return as('engine-unreachable', 'when-back', `the cluster cannot do ${what} now: ${said}`)
  return as('engine-refused', 'never', `the cluster refuses ${what}: ${said}`)
}
