/*
 * Counts over spans of five minutes: the executions that have ended, the length of the queue, and the runners
 * that were there. A span has at most two rows, however many runners and jobs there are:
 *
 *   load TIME    the minutes that were watched, what ended, what was queued, each by namespace
 *   nodes TIME   which runners came and went, by minute; once a day, and after a start of the server, all
 *                that are there
 */
import type { ExecutionState } from '../../protocol/states.ts'
import type { Reader } from '../../store/reader.ts'

/** Milliseconds. */
export const span = 300_000
export const minute = 60_000

export interface Load {
  /** Bit 0 is the first minute of the span. A minute without its bit was not watched: no server ran. */
  minutes: number
  /** The number of ended executions, by namespace and state. */
  ended: Record<string, Partial<Record<ExecutionState, number>>>
  /**
   * The most executions that were queued in a minute, and the greatest age of the oldest one in seconds, by
   * namespace.
   */
  queued: Record<string, { depth: number; age: number }>
}

export const emptyLoad = (): Load => ({ minutes: 0, ended: {}, queued: {} })

/** The runners that were there from a minute on: all of them, or the difference to the minute before. */
export type Presence = { minute: number } & ({ all: string[] } | { on: string[]; off: string[] })

export type BucketKind = 'load' | 'nodes'
export const keyAt = (kind: BucketKind, time: number): string => `${kind} ${String(time).padStart(14, '0')}`
const timeOf = (key: string): number => Number(key.slice(key.indexOf(' ') + 1))

/** The beginning of the span in which a time is. */
export const spanOf = (time: number): number => Math.floor(time / span) * span

/** The rows of a kind from a time to before another, by the beginnings of their spans. */
export async function bucketsIn<T>(
  tx: Reader,
  kind: BucketKind,
  from: number,
  until: number,
): Promise<{ at: number; value: T }[]> {
  const rows = await tx.buckets(keyAt(kind, spanOf(from)), keyAt(kind, until))
  return rows.map(({ key, value }) => ({ at: timeOf(key), value: JSON.parse(value) as T }))
}

/** Whether a runner is there after a change. */
export const isThere = (before: boolean, change: Presence, id: string): boolean =>
  'all' in change ? change.all.includes(id) : change.on.includes(id) || (before && !change.off.includes(id))

/**
 * Milliseconds after which all runners that are there are written down again, so that a reader goes back no
 * further.
 */
export const snapshotEvery = 86_400_000
