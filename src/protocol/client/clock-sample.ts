/*
 * The difference of two programs' clocks, measured by one call as NTP does: the client knows when it sent the
 * request and when the answer came, the server says when the request came and the answer went
 * (`Runner-Time`). The time that the server took in between plays no part, so a call that waits on purpose is
 * as good as any.
 */

/** Milliseconds. The offset is right to within half of the round trip. */
export interface ClockSample {
  /** The client's clock less the server's. */
  offset: number
  /** For how long request and answer were under way. */
  round_trip: number
}

type Headers = Record<string, string | string[] | undefined>

/** A sum of three of these is still exact: years, more than any clock shows. */
const mostMilliseconds = 1e15
/** Milliseconds that clocks of whole milliseconds, and their reading, may be off. */
const tolerance = 2
/** The Date header has whole seconds. */
const second = 1000

/**
 * The sample in an answer: `sent` by the clock of the client, `elapsed` by a monotonic one. Undefined where
 * the answer has no time, or an impossible one; an older server has its Date header alone.
 */
export function sampleOf(headers: Headers, sent: number, elapsed: number): ClockSample | undefined {
  const text = headers['runner-time']
  if (text === undefined) return sampleOfDate(headers, sent, elapsed)
  const match = /^(\d{1,16}),(\d{1,16})$/.exec(String(text))
  if (match === null) return undefined
  const [came, went] = [Number(match[1]), Number(match[2])]
  const round_trip = elapsed - (went - came)
  if (came > mostMilliseconds || went > mostMilliseconds || went < came || round_trip < -tolerance)
    return undefined
  return { offset: (sent - came + (sent + elapsed - went)) / 2, round_trip: Math.max(0, round_trip) }
}

function sampleOfDate({ date }: Headers, sent: number, elapsed: number): ClockSample | undefined {
  const said = Date.parse(String(date ?? ''))
  if (Number.isNaN(said)) return undefined
  return { offset: sent + elapsed / 2 - (said + second / 2), round_trip: elapsed + second }
}

/** The header `Runner-Clock`, by which a runner reports the difference that it has measured. */
export const reportOf = ({ offset, round_trip }: ClockSample): string =>
  `${Math.round(offset)},${Math.round(round_trip)}`

/** Reads the report of a runner; undefined for an impossible one. */
export function readReport(text: unknown): ClockSample | undefined {
  const match = typeof text === 'string' ? /^(-?\d{1,16}),(\d{1,16})$/.exec(text) : null
  if (match === null) return undefined
  const [offset, round_trip] = [Number(match[1]), Number(match[2])]
  return Math.abs(offset) > mostMilliseconds || round_trip > mostMilliseconds
    ? undefined
    : { offset, round_trip }
}

/** Reads when a request was sent, by its header `Runner-Time`; undefined for an impossible one. */
export function readSent(text: unknown): number | undefined {
  const sent = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return sent <= mostMilliseconds ? sent : undefined
}
