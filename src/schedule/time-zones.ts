/* Time zones by their names, and times as a zone's clocks show them. */
import { nearest } from '../config/did-you-mean.ts'
import { fail, ok, type Result } from '../result.ts'
import { type Instant, TimeZone } from './zoned-fires.ts'

/** The longest name of today has 32 characters. */
const longest = 64

/** Time zones, each looked up once: keep one for many schedules. */
export class TimeZones {
  /** The zones that this program knows, some hundred at most, by their names in lower case. */
  readonly #known = new Map<string, TimeZone>()

  /**
   * The zone of an IANA name; fails with a sentence that offers the name that was meant, where one is near.
   */
  named(name: string): Result<TimeZone, string> {
    if (name.length > longest) return fail(`the name of a time zone has at most ${longest} characters`)
    const key = name.toLowerCase()
    const zone = this.#known.get(key) ?? TimeZone.named(name)
    if (zone === undefined) return fail(`no time zone is called \`${name}\`: ${hint(name)}`)
    this.#known.set(key, zone)
    return ok(zone)
  }
}

function hint(name: string): string {
  const all = Intl.supportedValuesOf('timeZone')
  const placeOf = (zone: string) => zone.slice(zone.lastIndexOf('/') + 1)
  const place = nearest(name.replace(/\s+/g, '_'), all.map(placeOf))
  const meant = nearest(name, all) ?? all.find(zone => placeOf(zone) === place)
  return meant === undefined ? 'its name is one like `Europe/Berlin` or `UTC`' : `did you mean \`${meant}\`?`
}

/** The time on the clocks of a zone: `2026-03-29T03:00:00+02:00[Europe/Berlin]`. */
export function timeInZone(at: Instant, zone: TimeZone): string {
  return Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone.name).toString()
}
