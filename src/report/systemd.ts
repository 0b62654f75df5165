import type { Clock } from '../edges.ts'
import type { Emit, Event } from '../event.ts'
import { counted } from '../system/counted.ts'
import { shown } from '../system/printable.ts'
import { describe } from './describe.ts'
import { feed } from './feed.ts'

/** Seconds that a run may take to turn its event loop once, where WatchdogSec= says nothing. */
const defaultHang = 60

/** Seconds between two status lines at least: tasks may be quick, and each line is a process. */
const pause = 0.5

/** The number of times in a row that a message is tried again. */
const mostFailures = 5

/** Seconds that systemd-notify gets. */
const notifyTimeout = 10

/** Characters of a status line: it is one line of `systemctl status`. */
const longestStatus = 300

/**
 * The variables by which a service talks to systemd. They are for runner alone: no task may speak in its
 * name.
 */
export const notifyVariables = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'] as const

/** A service's line to systemd (sd_notify(3)). */
export interface SystemdNotifier {
  /** Sends the values of variables: READY, STATUS and the like. */
  notify(message: Record<string, string>): void
  close(): void
}

/**
 * Opens the line to systemd. Until it is closed, it asks for more time from the event loop, so that a loop
 * that hangs is ended by the unit's start time-out or its watchdog. `onLost` is called once when systemd
 * cannot be reached.
 */
export function systemdNotifier(
  env: NodeJS.ProcessEnv,
  onLost: (message: string) => void,
  clock: Clock,
): SystemdNotifier {
  const closed = new AbortController()
  /** Values that are still to be sent; of each variable only the last one counts. */
  const pending = new Map<string, string>()
  let busy = false
  let lost = false
  let reported = false
  let failures = 0
  const send = async () => {
    if (busy) return
    busy = true
    while (pending.size > 0 && !lost) {
      const message = [...pending]
      const args = message.map(([name, value]) => `${name}=${value}`)
      pending.clear()
      const problem = await feed({ command: 'systemd-notify', args, timeout: notifyTimeout, clock })
      if (problem !== undefined) {
        // A busy boot may make one call fail; only a missing program makes all of them fail.
        lost = problem.endsWith('is not installed')
        if (!reported) onLost(problem)
        reported = true
        // READY=1 is sent only once.
        if (++failures <= mostFailures)
          for (const [name, value] of message) if (!pending.has(name)) pending.set(name, value)
      } else failures = 0
      await clock.sleep(pause, closed.signal)
    }
    busy = false
  }
  const notify = (message: Record<string, string>) => {
    for (const [name, value] of Object.entries(message)) pending.set(name, value)
    void send()
  }
  const hang = hangOf(env)
  const keepAlive = async () => {
    while (!closed.signal.aborted) {
      notify({ EXTEND_TIMEOUT_USEC: String(Math.round(hang * 1e6)), WATCHDOG: '1' })
      await clock.sleep(hang / 3, closed.signal)
    }
  }
  void keepAlive()
  return { notify, close: () => closed.abort() }
}

/**
 * Tells systemd how a run goes: the running task and try, and then the result, as the status of the unit;
 * READY=1 when the chain has succeeded; STOPPING=1 when it was asked to stop.
 */
export function systemdReporter(
  env: NodeJS.ProcessEnv,
  onLost: (message: string) => void,
  clock: Clock,
): { emit: Emit; close(): void } {
  const lost = (problem: string) => onLost(`systemd is not told how the run goes: ${problem}`)
  const { notify, close } = systemdNotifier(env, lost, clock)
  const running = new RunningTasks()
  return {
    emit(event) {
      const message = running.messageOf(event) ?? messageOf(event)
      if (message !== undefined) notify(message)
    },
    close,
  }
}

/** The status of a run that may have several tasks under way: their names. */
class RunningTasks {
  #tasks: Set<string> | undefined

  /** Undefined where one task at most can be under way, and for events that change nothing. */
  messageOf(event: Event): Record<string, string> | undefined {
    if (event.event === 'run:started')
      this.#tasks = event.parallel === undefined ? undefined : new Set<string>()
    if (this.#tasks === undefined || (event.event !== 'try:started' && event.event !== 'try:ended'))
      return undefined
    if (event.event === 'try:started') this.#tasks.add(event.task)
    else this.#tasks.delete(event.task)
    if (this.#tasks.size === 0) return undefined
    const names = [...this.#tasks].map(shown).join(', ')
    return { STATUS: `${counted(this.#tasks.size, 'task')} under way: ${names}`.slice(0, longestStatus) }
  }
}

/** Seconds without a sign of life after which systemd may end the run: WatchdogSec= of the unit. */
function hangOf({ WATCHDOG_USEC: usec, WATCHDOG_PID: pid }: NodeJS.ProcessEnv): number {
  const forMe = pid === undefined || Number(pid) === process.pid
  return forMe && usec !== undefined && /^[1-9]\d*$/.test(usec) ? Number(usec) / 1e6 : defaultHang
}

function messageOf(event: Event): Record<string, string> | undefined {
  const status = () => ({ STATUS: describe(event, 'normal')[0]?.text.slice(0, longestStatus) ?? '' })
  switch (event.event) {
    case 'run:started':
    case 'try:started':
    case 'chain:waiting':
    case 'reboot:asked':
      return status()
    case 'run:stopping':
      return { ...status(), STOPPING: '1' }
    case 'run:ended':
      return event.reason === 'succeeded' ? { ...status(), READY: '1' } : status()
    case 'notice':
      return event.reason === 'waiting-for-lock' ? status() : undefined
    default:
      return undefined
  }
}
