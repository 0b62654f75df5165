import { CronWalks } from './cron-walk.ts'
import { TimeZones } from './time-zones.ts'

/**
 * The results that many schedules share: their owner, such as a server, makes one cache and gives it to
 * `compile` and `compileBlackouts`.
 */
export class ScheduleCache {
  readonly walks: CronWalks = new CronWalks()
  readonly zones: TimeZones = new TimeZones()
}
