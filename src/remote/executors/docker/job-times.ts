/** Seconds by which times may differ because of the kernel's ticks and the delay of the first look. */
const slack = 0.1

/** When the job started by its files, and when that was first seen. */
export interface JobStart {
  at: Date
  seen: Span
}

/** Two monotonic times between which something happened: not before `after`, and seen at `by`. */
export interface Span {
  after: number
  by: number
}

/**
 * The start and the end of a job that ended at `at` by the wall clock, within a span of the monotonic clock.
 */
export function timesOf(start: JobStart | undefined, at: Date, end: Span): { startedAt: Date; at: Date } {
  if (start === undefined) return { startedAt: at, at }
  // The times of the files are exact to a tick of the kernel, unless the clock was set meanwhile.
  const said = (at.getTime() - start.at.getTime()) / 1000
  const least = end.after - start.seen.by - slack
  // A job may have changed the time of `started`.
  const most = Math.min(end.by - start.seen.after + slack, at.getTime() / 1000)
  const seconds = Math.max(0, Math.min(Math.max(said, least), most))
  return { startedAt: new Date(at.getTime() - seconds * 1000), at }
}
