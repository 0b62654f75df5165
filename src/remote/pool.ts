/*
 * Which executor a job gets, and which one has to go: decisions alone, over facts that are handed in.
 *
 *   starting ──► busy ──► checking ──► idle ──► busy …
 *                  │          │          │
 *                  └──────────┴──────────┴──► stopping ──► gone
 *
 * Each but `gone` takes one place of the capacity.
 */
export type SeatState = 'starting' | 'busy' | 'checking' | 'idle' | 'stopping'

/** An executor as the pool sees it. */
export interface Seat {
  executor_id: string
  image_id: string
  group: string
  /** Only a job with the same key may have it after another one (`reuseKeyOf`); undefined: no job. */
  reuse_key: string | undefined
  state: SeatState
  /** Jobs that it has been given. */
  jobs: number
  /** Seconds on the monotonic clock; of an idle one. */
  idle_since: number
  /** The same, of one that is being looked over. */
  checking_since: number
  /** A job waits for the end of that. */
  awaited: boolean
}

export interface PoolSettings {
  capacity: number
  /** Seconds; 0: each executor does one job. */
  eviction_time_seconds: number
  max_jobs_per_executor: number
}

export interface Wanted {
  image_id: string
  group: string
  reuse_key: string | undefined
}

/** Seconds that things are expected to take, by what they took last. */
export interface Expected {
  /** A new executor of the image. */
  start: number
  /** The look-over of one; 0: none has been seen. Infinity: the last one was not used again after it. */
  look_over: number
}

export type Choice =
  /** An idle one of the same image, group and key. */
  | { use: string }
  /** A new one. */
  | { launch: true }
  /** An idle one of something else has to go first. */
  | { evict: string }
  /** One that is being looked over, expected sooner than a new one; in so many seconds that is to be asked again. */
  | { expect: string; seconds: number }
  /** Nothing is idle, and there is no room. */
  | { wait: true }

/** Where a job goes. Of several idle ones the latest used, so that the others can grow old. */
export function choose(
  seats: readonly Seat[],
  wanted: Wanted,
  { capacity }: PoolSettings,
  now: number,
  expected: Expected,
): Choice {
  const idle = seats.filter(({ state }) => state === 'idle').sort((a, b) => b.idle_since - a.idle_since)
  const fitting = idle.find(seat => isFor(seat, wanted))
  if (fitting !== undefined && seats.length <= capacity) return { use: fitting.executor_id }
  if (seats.length <= capacity) {
    const [soonest] = seats
      .filter(seat => seat.state === 'checking' && !seat.awaited && isFor(seat, wanted))
      .sort((a, b) => a.checking_since - b.checking_since)
    if (soonest !== undefined && isSoonerThanNew(now - soonest.checking_since, expected)) {
      const until = soonest.checking_since + Math.max(expected.start, expected.look_over)
      return { expect: soonest.executor_id, seconds: until - now }
    }
  }
  if (seats.length < capacity) return { launch: true }
  // A place that is being made is waited for, rather than made twice.
  if (seats.some(({ state }) => state === 'stopping')) return { wait: true }
  const oldest = idle.at(-1)
  return oldest === undefined ? { wait: true } : { evict: oldest.executor_id }
}

/** Whether an executor that has had other jobs may have this one. */
function isFor(seat: Seat, { image_id, group, reuse_key }: Wanted): boolean {
  return (
    reuse_key !== undefined &&
    seat.reuse_key === reuse_key &&
    seat.image_id === image_id &&
    seat.group === group
  )
}

/** Whether a look-over that has taken so long is over before a new executor is there. One that takes longer than it did
 * last may take as long again as it has taken. */
function isSoonerThanNew(taken: number, { start, look_over }: Expected): boolean {
  return (taken < look_over ? look_over - taken : taken) < start
}

/** Idle ones whose time is over, and those that are too many since the capacity was lowered. */
export function expired(seats: readonly Seat[], now: number, settings: PoolSettings): string[] {
  const idle = seats.filter(({ state }) => state === 'idle').sort((a, b) => a.idle_since - b.idle_since)
  const tooMany = seats.filter(({ state }) => state !== 'stopping').length - settings.capacity
  return idle
    .filter(({ idle_since }, index) => index < tooMany || now - idle_since >= settings.eviction_time_seconds)
    .map(({ executor_id }) => executor_id)
}

/** Seconds until the next one expires; undefined where none will. */
export function nextExpiry(seats: readonly Seat[], now: number, settings: PoolSettings): number | undefined {
  const times = seats.filter(({ state }) => state === 'idle').map(({ idle_since }) => idle_since)
  if (times.length === 0) return undefined
  return Math.max(0, Math.min(...times) + settings.eviction_time_seconds - now)
}

/** Whether an executor that has done its job may be looked over for another one. */
export function mayStay(
  { jobs, reuse_key }: Pick<Seat, 'jobs' | 'reuse_key'>,
  settings: PoolSettings,
): boolean {
  return (
    reuse_key !== undefined && settings.eviction_time_seconds > 0 && jobs < settings.max_jobs_per_executor
  )
}

/** Jobs that could be taken right now. */
export function freeSlots(seats: readonly Seat[], { capacity }: PoolSettings): number {
  const taken = seats.filter(({ state }) => state !== 'idle').length
  return Math.max(0, capacity - taken)
}
