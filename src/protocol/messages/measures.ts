/* The measurements of an execution. */
import { type Static, Type } from 'typebox'

/** Seconds, or another amount. */
const Measured = (description: string) =>
  Type.Optional(Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER, description }))

/** Seconds that each phase of an execution took; absent: not known. */
export const Phases = Type.Object({
  queued: Measured('seconds until a runner had confirmed it, as the server measures them'),
  image: Measured('seconds until its image was there: it was looked up, or pulled'),
  start: Measured(
    'seconds from then until it started: its slot was made or waited for, and it was placed there',
  ),
  run: Measured('seconds that it ran'),
  result: Measured('seconds from its end until its result was sent, with the rest of its log before it'),
})
export type Phases = Static<typeof Phases>

/**
 * The resources that an execution has used, by the control group of its container or unit; absent: not known.
 */
export const Resources = Type.Object({
  cpu_seconds: Measured('seconds of all processors together'),
  peak_memory_bytes: Measured(
    'the most memory that it had at once, with the caches of its files; ' +
      'absent where an earlier job in the same container had as much',
  ),
})
export type Resources = Static<typeof Resources>
