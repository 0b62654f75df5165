/* When the bytes of a log came: a short text in the row of the log, which every chunk writes anew. */

/**
 * Entries at most, and how many are left where there would be more: a longer row would not stay in memory
 * (`row-cache.ts`).
 */
const mostEntries = 400
const leftEntries = 240
/** Seconds between two entries, while there are few. */
const leastGap = 1

/** The times of a log, as its row has them. */
export interface LogTimes {
  /**
   * The entries with a space between them, each `<bytes>.<seconds>` after the entry before it, in base 36;
   * the first one after offset 0 and the epoch.
   */
  list: string
  entries: number
  /** The last entry. */
  offset: number
  at: number
  /** Seconds that are between two entries at least. */
  gap: number
}

/** The bytes from `offset` on, up to the next entry, came at `at` or after it; in seconds since the epoch. */
export interface LogTimeEntry {
  offset: number
  at: number
}

const nothing: LogTimes = { list: '', entries: 0, offset: 0, at: 0, gap: leastGap }

/** The times with those of bytes that have come at `offset`, at `now` in milliseconds. */
export function withTime(times: LogTimes | null, offset: number, now: number): LogTimes {
  const before = times ?? nothing
  const at = Math.floor(now / 1000)
  // A clock that was set back gives an entry, too: else bytes of a whole hour would have the time of before.
  if (Math.abs(at - before.at) < before.gap && before.entries > 0) return before
  const after = added(before, { offset, at })
  return after.entries > mostEntries ? thinned(after) : after
}

/** The entries, by their offsets. */
export function logTimes({ list }: LogTimes): LogTimeEntry[] {
  let [offset, at] = [0, 0]
  return list.split(' ').map(entry => {
    const [bytes = '', seconds = ''] = entry.split('.')
    offset += Number.parseInt(bytes, 36)
    at += Number.parseInt(seconds, 36)
    return { offset, at }
  })
}

/** The times of a log that has only so many bytes. */
export function cutTimes(times: LogTimes | null, length: number): LogTimes | null {
  if (times === null || times.offset < length) return times
  const kept = logTimes(times).filter(({ offset }) => offset < length)
  return kept.length === 0 ? null : kept.reduce(added, { ...nothing, gap: times.gap })
}

function added({ list, entries, gap, ...last }: LogTimes, { offset, at }: LogTimeEntry): LogTimes {
  const entry = `${(offset - last.offset).toString(36)}.${(at - last.at).toString(36)}`
  return { list: entries === 0 ? entry : `${list} ${entry}`, entries: entries + 1, offset, at, gap }
}

/** With longer gaps, until few enough entries are left. */
function thinned(times: LogTimes): LogTimes {
  const all = logTimes(times)
  for (let { gap } = times; ; ) {
    gap = Math.ceil(gap * 1.25)
    const few = all.reduce<LogTimes>(
      (kept, entry) => (kept.entries > 0 && Math.abs(entry.at - kept.at) < gap ? kept : added(kept, entry)),
      { ...nothing, gap },
    )
    if (few.entries <= leftEntries) return few
  }
}
