/* Ends the job of a pod: by its signal, its grace, and then by force. */
import type { Clock } from '../../../edges.ts'
import type { ClusterApi } from './api.ts'
import type { KubernetesPlace } from './names.ts'

/** Seconds between two tries to reach the API server. */
const retryAfter = 1
/**
 * The shortest time that the API takes for an order which it hands on to the node; none is a matter of the
 * API alone.
 */
const least = 1

/**
 * Sends a signal to the first process of the container. The processes of a pod share a namespace, of which
 * the pod's own first container has process 1; a process that came from outside of it has no parent there.
 */
const kill = `
for d in /proc/[0-9]*; do
  p=\${d#/proc/}
  [ "$p" -gt 1 ] || continue
  while read -r k v; do [ "$k" != PPid: ] || break; done 2>/dev/null <"$d/status"
  [ "$v" = 0 ] || continue
  [ -n "$m" ] && [ "$p" -gt "$m" ] || m=$p
done
kill "-$1" "$m"
`

export interface PodStop {
  api: Pick<ClusterApi, 'exec' | 'remove'>
  pod: string
  place: KubernetesPlace
  /** Whether its container runs. */
  runs: boolean
  clock: Clock
  /** Aborts when the job has ended, or is watched no more. */
  over: AbortSignal
}

/** Resolves when there is no more to do but wait for the end. */
export async function stopPod({ api, pod, place, runs, clock, over }: PodStop): Promise<void> {
  const { signal, grace } = place
  let wait = runs ? Math.max(least, Math.ceil(grace)) : least
  // Without a signal of its own the job gets that of its image, which only the node knows.
  if (signal !== undefined && runs) {
    const sent = await api.exec(pod, ['sh', '-c', kill, 'sh', signal.replace(/^SIG/, '')])
    if (sent.ok && sent.value) {
      await clock.sleep(grace, over)
      wait = least
    }
  }
  while (!over.aborted) {
    const removed = await api.remove(`pods/${pod}`, { gracePeriodSeconds: wait })
    if (removed.ok) return
    await clock.sleep(retryAfter, over)
  }
}
