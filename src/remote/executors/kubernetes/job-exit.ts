/* The end of a job, by the state of its pod and by the actions of runner. */
import type { JobExit } from '../executor.ts'
import type { PodState } from './pod-state.ts'

/** Why a job was asked to end; `limit`: its time was over. */
export type StopWhy = 'aborted' | 'lease-lost' | 'limit'

export interface EndFacts {
  /** The state that was seen last. */
  state: PodState
  startedAt: Date
  stop: StopWhy | undefined
  now: Date
}

export function exitOf({ state, startedAt, stop, now }: EndFacts): JobExit {
  const at = endOf(state, startedAt, now)
  const code = state.at === 'ended' ? state.code : undefined
  if (stop === 'limit') return { by: 'time-limit', code, startedAt, at }
  if (stop !== undefined) return { by: 'stopped', code, startedAt, at }
  if (state.at !== 'ended') return { by: 'lost', message: 'its pod was deleted', startedAt, at }
  const { end, message } = state
  switch (end) {
    case 'status':
      return code === undefined
        ? { by: 'lost', message: 'the cluster does not say how its container ended', startedAt, at }
        : { by: 'status', code, startedAt, at }
    case 'not-startable':
      return { by: 'not-startable', code: code === 126 ? 126 : 127, startedAt, at }
    case 'oom':
    case 'time-limit':
      return { by: end, code, startedAt, at }
    case 'disk':
      return { by: 'disk', code, message, startedAt, at }
    default:
      return { by: end, message, startedAt, at }
  }
}

/**
 * The start, by the clock of the node, which says whole seconds; undefined: nothing has run as far as is
 * known.
 */
export function seenStartOf(state: PodState, now: Date): Date | undefined {
  switch (state.at) {
    case 'waiting':
      return undefined
    case 'running':
      return earlier(state.startedAt, now)
    case 'ended':
      if (state.never) return undefined
      return state.times === undefined || isUnset(state.times.startedAt)
        ? now
        : earlier(state.times.startedAt, now)
  }
}

/** The observed end, corrected to the second that the node says. */
function endOf(state: PodState, startedAt: Date, now: Date): Date {
  const finished = state.at === 'ended' ? state.times?.finishedAt : undefined
  if (finished === undefined || isUnset(finished)) return now
  const latest = new Date(finished.getTime() + 999)
  const at = earlier(now, latest)
  return at < startedAt ? startedAt : at
}

const earlier = (one: Date, other: Date) => (one < other ? one : other)
/** A node that knows no time says the first of the first year. */
const isUnset = (time: Date) => Number.isNaN(time.getTime()) || time.getUTCFullYear() < 1970
