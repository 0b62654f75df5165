/*
 * Which slot a job gets, and which one has to go: decisions alone, over facts that are handed in.
 *
 *   starting ──► busy ──► checking ──► idle ──► busy …
 *                  │          │          │
 *                  └──────────┴──────────┴──► stopping ──► gone
 *
 * Each but `gone` takes one place of the capacity.
 */
export type SlotState = 'starting' | 'busy' | 'checking' | 'idle' | 'stopping'

/** A slot as the pool sees it. */
export interface PooledSlot {
  slot_id: string
  /** The id of the thing that was prepared for it: of an image. */
  key: string
  /** Only a job of the same domain may have it after another one; undefined: no job. */
  domain: string | undefined
  state: SlotState
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
  /** Seconds; 0: each slot takes one job. */
  eviction_time_seconds: number
  max_jobs_per_executor: number
}

export interface Wanted {
  key: string
  domain: string | undefined
}

/** Seconds that things are expected to take, by what they took last. */
export interface Expected {
  /** A new slot of the image. */
  start: number
  /** The look-over of one; 0: none has been seen. Infinity: the last one was not used again after it. */
  look_over: number
}

export type Choice =
  /** An idle slot of the same image and domain. */
  | { use: string }
  /** A new one. */
  | { launch: true }
  /** An idle one of something else has to go first. */
  | { evict: string }
  /**
   * One that is being looked over, expected sooner than a new one; in so many seconds that is to be asked
   * again.
   */
  | { expect: string; seconds: number }
  /** Nothing is idle, and there is no room. */
  | { wait: true }

/** Where a job goes. Of several idle ones the latest used, so that the others can grow old. */
export function choose(
  slots: readonly PooledSlot[],
  wanted: Wanted,
  { capacity }: PoolSettings,
  now: number,
  expected: Expected,
): Choice {
  const idle = slots.filter(({ state }) => state === 'idle').sort((a, b) => b.idle_since - a.idle_since)
  const fitting = idle.find(slot => isFor(slot, wanted))
  if (fitting !== undefined && slots.length <= capacity) return { use: fitting.slot_id }
  if (slots.length <= capacity) {
    const [soonest] = slots
      .filter(slot => slot.state === 'checking' && !slot.awaited && isFor(slot, wanted))
      .sort((a, b) => a.checking_since - b.checking_since)
    if (soonest !== undefined && isSoonerThanNew(now - soonest.checking_since, expected)) {
      const until = soonest.checking_since + Math.max(expected.start, expected.look_over)
      return { expect: soonest.slot_id, seconds: until - now }
    }
  }
  if (slots.length < capacity) return { launch: true }
  // A place that is being made is waited for, rather than made twice.
  if (slots.some(({ state }) => state === 'stopping')) return { wait: true }
  const oldest = idle.at(-1)
  return oldest === undefined ? { wait: true } : { evict: oldest.slot_id }
}

/** Whether a slot that has had other jobs may have this one. */
function isFor(slot: PooledSlot, { key, domain }: Wanted): boolean {
  return domain !== undefined && slot.domain === domain && slot.key === key
}

/**
 * Whether a look-over that has taken so long is over before a new slot is there. One that takes longer than
 * it did last may take as long again as it has taken.
 */
function isSoonerThanNew(taken: number, { start, look_over }: Expected): boolean {
  return (taken < look_over ? look_over - taken : taken) < start
}

/** Idle ones whose time is over, and those that are too many since the capacity was lowered. */
export function expired(slots: readonly PooledSlot[], now: number, settings: PoolSettings): string[] {
  const idle = slots.filter(({ state }) => state === 'idle').sort((a, b) => a.idle_since - b.idle_since)
  const tooMany = slots.filter(({ state }) => state !== 'stopping').length - settings.capacity
  return idle
    .filter(({ idle_since }, index) => index < tooMany || now - idle_since >= settings.eviction_time_seconds)
    .map(({ slot_id }) => slot_id)
}

/** Seconds until the next one expires; undefined where none will. */
export function nextExpiry(
  slots: readonly PooledSlot[],
  now: number,
  settings: PoolSettings,
): number | undefined {
  const times = slots.filter(({ state }) => state === 'idle').map(({ idle_since }) => idle_since)
  if (times.length === 0) return undefined
  return Math.max(0, Math.min(...times) + settings.eviction_time_seconds - now)
}

/** Whether a slot that has done its job may be looked over for another one. */
export function mayStay(
  { jobs, domain }: Pick<PooledSlot, 'jobs' | 'domain'>,
  settings: PoolSettings,
): boolean {
  return domain !== undefined && settings.eviction_time_seconds > 0 && jobs < settings.max_jobs_per_executor
}

/** Jobs that could be taken right now. */
export function freeSlots(slots: readonly PooledSlot[], { capacity }: PoolSettings): number {
  const taken = slots.filter(({ state }) => state !== 'idle').length
  return Math.max(0, capacity - taken)
}
