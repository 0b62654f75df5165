/** Why a time of a schedule was not fired, or was fired late. */
export const missedReasons = {
  outage: 'no server ran',
  paused: 'schedules were paused',
  blackout: 'it fell in a blackout',
  gap: 'the clocks left it out, and dst_gap is skip',
  overlap: 'the run before had not ended, and concurrency is forbid',
  'queue-full': 'as many runs were waiting as may wait',
  replaced: 'a newer run took the place of the waiting one',
  restored: 'the store was restored from a backup of before',
  disabled: 'the schedule was not enabled',
  clock: 'the clock of the server was wrong, or jumped',
} as const

export type MissedReason = keyof typeof missedReasons
