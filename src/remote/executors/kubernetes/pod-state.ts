/* What a pod says of the one job in it: a pure function of the object. */
import type { FailureReason } from '../executor.ts'
import { containerName } from './names.ts'
import type { PodObject, Termination } from './objects.ts'

/** How far a pod is. */
export type PodState =
  /** Its container has not started. */
  | {
      at: 'waiting'
      /** What it waits for, for people. */
      message: string
      /** What that comes to where it lasts for longer than a time limit. */
      reason: FailureReason
      kind: WaitKind
    }
  | { at: 'running'; startedAt: Date }
  /** Its container has ended, or never will start. */
  | {
      at: 'ended'
      end: PodEnd
      message: string
      code: number | undefined
      times: EndTimes | undefined
      /** Whether it is certain that no process of the job has run. */
      never: boolean
    }

/** What a pod waits for; each has a time limit of its own. */
export type WaitKind = 'node' | 'image' | 'name' | 'container' | 'refused'

export type PodEnd =
  | 'status'
  | 'oom'
  | 'not-startable'
  | 'disk'
  | 'time-limit'
  | 'evicted'
  | 'preempted'
  | 'node-lost'
  | 'lost'

/** By the clock of the node, which says whole seconds. */
export interface EndTimes {
  startedAt: Date
  finishedAt: Date
}

const imageReasons = ['ErrImagePull', 'ImagePullBackOff', 'ImageInspectError', 'RegistryUnavailable']

export function podStateOf(pod: PodObject): PodState {
  const { status } = pod
  const state = status?.containerStatuses?.find(({ name }) => name === containerName)?.state
  if (state?.terminated !== undefined) return ended(pod, state.terminated)
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return ended(pod, undefined)
  if (state?.running !== undefined) return { at: 'running', startedAt: new Date(state.running.startedAt) }
  const waiting = state?.waiting
  if (waiting?.reason === 'ErrImageNeverPull' || waiting?.reason === 'InvalidImageName')
    return {
      at: 'waiting',
      kind: 'name',
      reason: 'image-missing',
      message: `its image cannot be had: ${waiting.message ?? waiting.reason}`,
    }
  if (waiting?.reason !== undefined && imageReasons.includes(waiting.reason))
    return {
      at: 'waiting',
      kind: 'image',
      reason: 'image-not-pulled',
      message: `its image cannot be had: ${waiting.message ?? waiting.reason}`,
    }
  const unschedulable = status?.conditions?.find(
    ({ type, status, reason }) => type === 'PodScheduled' && status === 'False' && reason === 'Unschedulable',
  )
  if (unschedulable !== undefined)
    return {
      at: 'waiting',
      kind: 'node',
      reason: 'executor-not-started',
      message: `no node of the cluster can take its pod: ${unschedulable.message ?? 'no reason is given'}`,
    }
  const why = waiting?.reason === undefined || waiting.reason === 'ContainerCreating' ? '' : waiting.reason
  const more = [why, waiting?.message].filter(Boolean).join(': ')
  return {
    at: 'waiting',
    kind: pod.spec?.nodeName === undefined ? 'node' : why === '' ? 'container' : 'refused',
    reason: 'executor-not-started',
    message: `its container is being made${more === '' ? '' : `: ${more}`}`,
  }
}

/** The id of the container, without the name of its runtime: `docker://…`. */
export function containerIdOf(pod: PodObject | undefined): string | undefined {
  const status = pod?.status?.containerStatuses?.find(({ name }) => name === containerName)
  return status?.containerID?.split('//')[1] || undefined
}

function ended(pod: PodObject, terminated: Termination | undefined): PodState {
  const { reason = '', message = '' } = pod.status ?? {}
  const times = timesOf(terminated)
  const code = terminated?.exitCode
  const never = terminated === undefined && pod.spec?.nodeName === undefined
  const as = (end: PodEnd, text: string): PodState => ({
    at: 'ended',
    end,
    message: text,
    code,
    times,
    never,
  })
  if (wasDeleted(pod, times)) return as('lost', 'its pod was deleted')
  if (reason === 'Evicted')
    return as(
      /ephemeral|local storage|emptyDir/i.test(message) ? 'disk' : 'evicted',
      `the cluster evicted its pod: ${message}`,
    )
  if (/^Preempt/.test(reason)) return as('preempted', `the cluster needed the place of its pod: ${message}`)
  if (reason === 'DeadlineExceeded') return as('time-limit', message)
  if (['NodeLost', 'NodeShutdown', 'Shutdown', 'Terminated', 'NodeAffinity'].includes(reason))
    return as('node-lost', `its node went: ${message || reason}`)
  if (terminated === undefined)
    return as('lost', `its pod has failed: ${message || reason || 'no reason is given'}`)
  if (terminated.reason === 'OOMKilled') return as('oom', '')
  // Docker says the first, containerd and CRI-O the others.
  if (['ContainerCannotRun', 'StartError', 'ContainerCreateError'].includes(terminated.reason ?? ''))
    return as('not-startable', terminated.message ?? 'the program could not be started')
  if (terminated.reason === 'ContainerStatusUnknown')
    return as('lost', 'its node does not know how its container ended')
  return as('status', terminated.message ?? '')
}

function timesOf(terminated: Termination | undefined): EndTimes | undefined {
  const { startedAt, finishedAt } = terminated ?? {}
  if (typeof startedAt !== 'string' || typeof finishedAt !== 'string') return undefined
  return { startedAt: new Date(startedAt), finishedAt: new Date(finishedAt) }
}

/** Whether the job ended because somebody deleted its pod: it may have said something else without that. */
function wasDeleted({ metadata }: PodObject, times: EndTimes | undefined): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = metadata
  if (deletionTimestamp === undefined) return false
  // The time is that at which the pod has to be gone.
  const asked = Date.parse(deletionTimestamp) - deletionGracePeriodSeconds * 1000
  return times === undefined || times.finishedAt.getTime() >= asked
}
