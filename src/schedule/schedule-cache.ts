import { CronWalks } from './cron-walk.ts'
import { TimeZones } from './time-zones.ts'

/**
 * What many schedules share: their owner, such as a server, makes one and gives it to `compile` and
 * `compileBlackouts`.
 */
export class ScheduleCache {
  readonly walks: CronWalks = new CronWalks()
  readonly zones: TimeZones = new TimeZones()
}
