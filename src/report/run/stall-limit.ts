import type { Clock } from '../../edges.ts'
import type { Emit, Event } from '../../event.ts'

/** Seconds that one try, or one hook, may wait in all for the reader of the view. */
const longestStall = 2
/** Events without output that wait for a reader, at the most. */
const mostEvents = 10_000
const newline = 10

/**
 * A view that holds no task for longer than `longestStall`. A terminal that is stopped (Ctrl-S), or a pipe
 * without a reader, then misses output until it has taken the earlier output; a notice says how many lines it
 * has missed.
 */
export function limitStalls(view: Emit, clock: Clock): Emit {
  /** Seconds that are left to each task. */
  const left = new Map<string, number>()
  let missed = 0
  /** Events given to the view since it fell behind; undefined while it keeps up. */
  let behind: number | undefined
  const secondsOf = (task: string) => left.get(task) ?? longestStall
  const catchUp = () => {
    behind = undefined
    if (missed === 0) return
    const what = missed === 1 ? '1 line is' : `${missed} lines are`
    const message =
      `${what} not shown: what shows them was not read for ${longestStall} s; ` +
      '`runner logs` has all output'
    missed = 0
    void view({ event: 'notice', reason: 'not-shown', message })
  }
  const wait = async (task: string, taken: Promise<void>) => {
    const before = clock.monotonic()
    const over = new AbortController()
    const settled = taken.then(() => over.abort())
    await Promise.race([settled, clock.sleep(Math.max(0, secondsOf(task)), over.signal)])
    left.set(task, secondsOf(task) - (clock.monotonic() - before))
    if (over.signal.aborted || behind !== undefined) return
    behind = 0
    void settled.then(catchUp)
  }
  return event => {
    if (event.event === 'try:started' || event.event === 'hook:started') left.delete(event.task)
    const isOutput = 'data' in event
    if (behind !== undefined && (isOutput || ++behind > mostEvents)) {
      missed += linesOf(event)
      return
    }
    const taken = view(event)
    return isOutput && taken !== undefined ? wait(event.task, taken) : taken
  }
}

function linesOf(event: Event): number {
  if (!('data' in event)) return 1
  const { data } = event
  let lines = data.length === 0 || data.at(-1) === newline ? 0 : 1
  for (let at = data.indexOf(newline); at !== -1; at = data.indexOf(newline, at + 1)) lines++
  return lines
}
