import { systemClock } from '../../edges.ts'
import { sayRaw } from '../../report/say.ts'

/** Seconds between two changes of the line. */
const showEvery = 0.1

export interface ProgressLine {
  /** Shows a text in place of the one before, unless that is too new and this one is not the last. */
  show(text: string, isLast: boolean): void
  /** Takes the line away. */
  end(): void
}

/** A line on a terminal that says how far something is; elsewhere, or where it is not wanted, nothing. */
export function progressLine(wanted: boolean): ProgressLine {
  if (!wanted || !process.stderr.isTTY) return { show: () => {}, end: () => {} }
  let shown = Number.NEGATIVE_INFINITY
  return {
    show(text, isLast) {
      if (systemClock.monotonic() - shown < showEvery && !isLast) return
      shown = systemClock.monotonic()
      sayRaw(`\r\x1b[K${text}`)
    },
    end: () => sayRaw(shown === Number.NEGATIVE_INFINITY ? '' : '\r\x1b[K'),
  }
}
