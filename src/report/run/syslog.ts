import { type Clock, systemClock } from '../../edges.ts'
import type { Emit } from '../../event.ts'
import { describe, type Priority, type Verbosity } from '../describe.ts'

/** Severities of syslog (RFC 5424, table 2). */
export const severities: Record<Priority, number> = { err: 3, warning: 4, notice: 5, info: 6, debug: 7 }

/** Seconds that logger gets at the end to pass on its last lines. */
const closeTimeout = 3

/**
 * Sends events, without the output of tasks, to the system log, through one logger(1) for the whole run.
 * `onLost` is called once when that fails.
 */
export function syslogReporter(
  verbosity: Verbosity,
  onLost: (message: string) => void,
  clock: Clock = systemClock,
): { emit: Emit; close(): void } {
  const { spawn } = process.getBuiltinModule('node:child_process')
  // logger has a session of its own: a Ctrl-C must not end it before it has passed on the end of the run.
  const stdio = ['pipe', 'ignore', 'ignore'] as ['pipe', 'ignore', 'ignore']
  const logger = spawn('logger', ['--tag', 'runner', '--prio-prefix'], { detached: true, stdio })
  let lost = false
  let closing = false
  const lose = (message: string) => {
    if (!lost) onLost(`nothing goes to the system log: ${message}`)
    lost = true
  }
  logger.on('error', error =>
    lose(error.message.includes('ENOENT') ? 'logger(1) is not installed' : error.message),
  )
  logger.stdin.on('error', () => lose('logger(1) has ended'))
  const gone = new AbortController()
  logger.on('exit', code => {
    gone.abort()
    if (code !== 0 && code !== null) lose(`logger(1) ended with status ${code}`)
    else if (!closing) lose('logger(1) has ended')
  })
  return {
    emit(event) {
      if (lost) return
      for (const { priority, text } of describe(event, verbosity))
        logger.stdin.write(`<${severities[priority]}>${text}\n`)
    },
    close() {
      closing = true
      logger.stdin.end()
      if (logger.pid !== undefined) clock.sleep(closeTimeout, gone.signal).then(() => logger.kill('SIGKILL'))
    },
  }
}
