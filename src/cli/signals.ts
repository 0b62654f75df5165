/** The wish of the system or a person that the run should end. */
export interface Signals extends Disposable {
  /** Aborts at the first SIGTERM or SIGINT; the reason is its name. */
  stop: AbortSignal
  /** Aborts at the second. */
  hurry: AbortSignal
  /** Aborts at the third. */
  leave: AbortSignal
}

/** Milliseconds for which output is still written when the program has ended and a signal asks it to go. */
const lastWords = 1000

/**
 * Takes over the signals of the process, to its very end: SIGTERM and SIGINT end the run, SIGHUP is ignored. What has
 * ended (`dispose`) keeps its exit status, whatever signal comes: the process is left only when its output is written,
 * or soon after a signal.
 */
export function catchSignals(): Signals {
  const stop = new AbortController()
  const hurry = new AbortController()
  const leave = new AbortController()
  let ended = false
  const exitSoon = () => {
    const exit = () => (process.exitCode === undefined ? exitSoon() : process.exit())
    setTimeout(exit, lastWords).unref()
  }
  const take = (signal: NodeJS.Signals) => {
    if (ended) return exitSoon()
    const next = [stop, hurry, leave].find(controller => !controller.signal.aborted)
    next?.abort(signal)
  }
  const ignore = () => {}
  process.on('SIGTERM', take).on('SIGINT', take).on('SIGHUP', ignore)
  return {
    stop: stop.signal,
    hurry: hurry.signal,
    leave: leave.signal,
    [Symbol.dispose]() {
      ended = true
      if (stop.signal.aborted) exitSoon()
      // Left to itself, Node would give signals back their deadly meaning before it ends.
      process.once('beforeExit', () => process.exit())
    },
  }
}
