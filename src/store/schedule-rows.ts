/*
 * The rows of schedules, of times that did not fire, and of notices; rows.ts explains `empty…` and `…Needs`.
 */
import type { NotifyEvent } from '../protocol/messages/jobs.ts'
import type { MissedReason } from '../protocol/messages/schedules.ts'
import type { NoticeState } from '../protocol/states.ts'
import { defaultNamespace } from './rows.ts'

/**
 * The place of a job's schedule in time. The schedule itself is in the job's own row. Times are wall times.
 */
export interface ScheduleRow {
  /** The key of its job (`jobKey`). */
  job: string
  namespace: string
  /** All of its times up to this one are decided: fired, or on record as not fired. */
  after: number
  /** The next time; null: not computed yet, or none comes. */
  scheduled_for: number | null
  /**
   * When that time is due, its jitter included; null: nothing is to be looked at, since none comes, or since
   * the schedule is paused or not enabled.
   */
  due_at: number | null
  /** Why that time is not fired, whatever happens until then. */
  skipped: 'gap' | null
  /** 1: the next time is to be computed. */
  stale: number
  /** The time that fired last. */
  last_fired: number | null
  /** The time at which this schedule was paused alone. */
  paused_at: number | null
  /** It was found paused when a time was due, and is looked at again when that pause ends. */
  parked: boolean
  /** Times due until then, and not decided yet, were missed. */
  missed: { until: number; reason: 'paused' | 'outage' | 'clock' | 'restored' } | null
  /** Since when it has not been enabled. */
  disabled_at: number | null
  /** The latest row of times that were not fired, which may grow. */
  missed_id: string | null
}

export const scheduleNeeds = ['job', 'after'] as const
export const emptySchedule: Omit<ScheduleRow, (typeof scheduleNeeds)[number]> = {
  namespace: defaultNamespace,
  scheduled_for: null,
  due_at: null,
  skipped: null,
  stale: 1,
  last_fired: null,
  paused_at: null,
  parked: false,
  missed: null,
  disabled_at: null,
  missed_id: null,
}

/** Times of a schedule, one after the other, that were not fired for one reason. */
export interface MissedRow {
  /** Ids are in the order in which the rows were written. */
  id: string
  /** The key of its job (`jobKey`). */
  job: string
  namespace: string
  reason: MissedReason
  from: number
  to: number
  count: number
  /** There were more than `count`. */
  more: boolean
}

export const missedNeeds = ['id', 'job', 'reason', 'from', 'to', 'count'] as const
export const emptyMissed: Omit<MissedRow, (typeof missedNeeds)[number]> = {
  namespace: defaultNamespace,
  more: false,
}

/** A message that is to be sent, or was. */
export interface NoticeRow {
  /** UUID: the same each time it is sent. */
  id: string
  /** The section `[notify.NAME]` by which it goes. */
  target: string
  namespace: string
  event: NotifyEvent
  /** The execution that it is about. */
  execution_id: string | null
  job_name: string | null
  /** The message, as JSON. */
  body: string
  state: NoticeState
  created_at: number
  /** The watched time after which it is not tried any more. */
  give_up_at: number
  /** The number of tries so far. */
  tries: number
  /** The watched time of the next try; null: none, it is sent or has failed. */
  next_at: number | null
  /** The message in which it goes together with others; null: one of its own. */
  batch: string | null
  sent_at: number | null
  /** Why the last try failed. */
  problem: string | null
}

export const noticeNeeds = ['id', 'target', 'event', 'body', 'state', 'created_at', 'give_up_at'] as const
export const emptyNotice: Omit<NoticeRow, (typeof noticeNeeds)[number]> = {
  namespace: defaultNamespace,
  execution_id: null,
  job_name: null,
  tries: 0,
  next_at: null,
  batch: null,
  sent_at: null,
  problem: null,
}

/** The name under which `meta` of a backup says that it is one; the first start of a server forgets it. */
export const restoredKey = 'schedules.restored'

/** A count over a span of time, by its key. */
export interface BucketRow {
  key: string
  /** The count as JSON. */
  value: string
}
