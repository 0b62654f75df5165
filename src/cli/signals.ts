/** The wish of the system or a person that the run should end. */
export interface Signals extends Disposable {
  /** Aborts at the first SIGTERM or SIGINT; the reason is its name. */
  stop: AbortSignal
  /** Aborts at the second. */
  hurry: AbortSignal
  /** Aborts at the third. */
  leave: AbortSignal
}

/** Takes over the signals of the process: SIGTERM and SIGINT end the run, SIGHUP is ignored to the very end. */
export function catchSignals(): Signals {
  const stop = new AbortController()
  const hurry = new AbortController()
  const leave = new AbortController()
  const take = (signal: NodeJS.Signals) => {
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
      process.off('SIGTERM', take).off('SIGINT', take)
    },
  }
}
