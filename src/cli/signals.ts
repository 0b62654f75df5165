import { exitStatus } from '../exit-status.ts'

/** Requests of the system or a person to end the command. */
export interface Signals extends Disposable {
  /** Aborts at the first SIGTERM or SIGINT; the reason is its name. */
  stop: AbortSignal
  /** Aborts at the second. */
  hurry: AbortSignal
  /** Aborts at the third. */
  leave: AbortSignal
}

/** Milliseconds for which a command that has ended still writes output after a signal. */
const lastWords = 1000

/**
 * Handles the signals of the process until it exits: SIGTERM and SIGINT end the command, SIGHUP is ignored.
 * After `dispose` the exit status stands, whatever signal comes: the process exits when its output is
 * written, or soon after a signal.
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
      // Node resets signal handlers before it exits, so a late signal would change the exit status.
      process.once('beforeExit', () => process.exit())
    },
  }
}

/**
 * The exit status of a command that a signal ended: `stop` of `catchSignals`, or another signal with such a
 * reason.
 */
export function interruptedBy({ reason }: AbortSignal): number {
  return reason === 'SIGTERM' ? exitStatus.interrupted.SIGTERM : exitStatus.interrupted.SIGINT
}
