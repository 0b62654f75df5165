/* Removes a slot: its pod first, with all that runs in it, then what belonged to the pod. */
import type { Clock } from '../../../edges.ts'
import { fail, ok, type Result } from '../../../result.ts'
import type { Failure } from '../executor.ts'
import type { ClusterApi } from './api.ts'
import { objectName } from './names.ts'
import type { PodObject } from './objects.ts'

/** Seconds between two looks at a pod that is to go, and in which it goes if its node lives. */
const waits = { look: 0.25, gone: 60 }

/** Succeeds when nothing of the slot is left; a slot that is gone is fine. */
export async function closeSlot(
  api: ClusterApi,
  slotId: string,
  clock: Clock,
): Promise<Result<void, Failure>> {
  const name = objectName(slotId)
  const removed = await removePod(api, name, clock)
  if (!removed.ok) return removed
  for (const path of [`secrets/${name}`, `serviceaccounts/${name}`]) {
    const removed = await api.remove(path)
    if (!removed.ok) return removed
  }
  return ok(undefined)
}

/** Ends a pod and removes it, once its node has said that it has ended. */
async function removePod(api: ClusterApi, name: string, clock: Clock): Promise<Result<void, Failure>> {
  const path = `pods/${name}`
  const late = clock.monotonic() + waits.gone
  for (let isAsked = false; ; isAsked = true) {
    const pod = await api.get<PodObject>(path)
    if (!pod.ok) return pod.failure.reason === 'not-found' ? ok(undefined) : pod
    // Without a grace the API removes it at once: nothing of it runs, and the node takes its time to say so.
    if (hasEnded(pod.value)) return api.remove(path, { gracePeriodSeconds: 0 })
    if (clock.monotonic() > late) return fail(stays(name, pod.value))
    // With one the pod stays until the node has ended it.
    const asked = isAsked ? ok(undefined) : await api.remove(path, { gracePeriodSeconds: 1 })
    if (!asked.ok) return asked
    await clock.sleep(waits.look)
  }
}

/** Whether a pod will never run anything again: no node has taken it, or its node says that it has ended. */
const hasEnded = ({ status }: PodObject) => status?.phase === 'Succeeded' || status?.phase === 'Failed'

const stays = (name: string, { spec }: PodObject): Failure => ({
  reason: 'files-left',
  retry: 'soon',
  message:
    `the pod ${name} was deleted and is still there, as its node ${spec?.nodeName ?? ''} does not answer: ` +
    'it goes when the node is back, or is removed from the cluster',
})
