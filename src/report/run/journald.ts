import { fstatSync } from 'node:fs'
import type { Clock } from '../../edges.ts'
import type { Emit, Event } from '../../event.ts'
import { shown } from '../../system/printable.ts'
import { type DescribedLine, describe, type Verbosity } from '../describe.ts'
import { feed } from '../feed.ts'
import { severities } from './syslog.ts'

/** Seconds that logger gets for one entry. */
const loggerTimeout = 5

/** The socket on which the journal takes entries with fields. */
export const journalSocket = '/run/systemd/journal/socket'

/** Whether a descriptor is the journal's: systemd says which file it has opened for a service. */
export function isJournal(fd: number, { JOURNAL_STREAM: stream }: NodeJS.ProcessEnv): boolean {
  if (stream === undefined) return false
  try {
    const { dev, ino } = fstatSync(fd)
    return stream === `${dev}:${ino}`
  } catch {
    return false
  }
}

/**
 * Writes what happens, without the output of tasks, into the journal: one entry an event, with its priority
 * and the fields RUNNER_RUN_ID, RUNNER_EVENT, RUNNER_TASK, RUNNER_TASK_FILE and RUNNER_TRY. Each is one call
 * of logger(1), one after the other; `settled` is the promise that the last of them has ended, where one is
 * under way.
 *
 * Where logger fails, `instead` gets the reason, and what it returns gets that event and all that follow.
 */
export function journaldReporter(
  verbosity: Verbosity,
  instead: (message: string) => Emit,
  clock: Clock,
): { emit: Emit; settled(): Promise<void> | undefined } {
  const context = new Context()
  let other: Emit | undefined
  let last: Promise<void> | undefined
  const pass = async (event: Event, input: string) => {
    if (other === undefined) {
      const problem = await feed({
        command: 'logger',
        args: ['--journald'],
        input,
        timeout: loggerTimeout,
        clock,
      })
      if (problem === undefined) return
      other = instead(`nothing goes to the journal: ${problem}`)
    }
    await other(event)
  }
  return {
    emit(event) {
      if ('data' in event) return
      const fields = context.fieldsOf(event)
      const lines = describe(event, verbosity)
      if (lines.length === 0) return
      const input = entry(lines, fields)
      const mine = (last ?? Promise.resolve())
        .then(() => pass(event, input))
        .then(() => {
          if (last === mine) last = undefined
        })
      last = mine
      return mine
    },
    settled: () => last,
  }
}

/** One entry as logger(1) reads it: several MESSAGE lines are the lines of one message. */
function entry(lines: readonly DescribedLine[], fields: Record<string, string>): string {
  const priority = Math.min(...lines.map(line => severities[line.priority]))
  const messages = lines.map(({ text }) => `MESSAGE=${text}\n`).join('')
  // An entry's sender is logger, which is gone when the journal looks for its unit: OBJECT_PID names runner,
  // whose unit `journalctl -u` finds.
  const all = { PRIORITY: priority, SYSLOG_IDENTIFIER: 'runner', OBJECT_PID: process.pid, ...fields }
  const rest = Object.entries(all).map(([name, value]) => `${name}=${shown(String(value))}\n`)
  return messages + rest.join('')
}

/** The facts that events have only once in a run: its id, and the names of its tasks. */
class Context {
  #runId: number | undefined
  #names = new Map<string, string>()

  fieldsOf(event: Event): Record<string, string> {
    if (event.event === 'run:started') {
      this.#runId = event.run_id
      this.#names = new Map(event.tasks.map(({ task, name }) => [task, name]))
    }
    const fields: Record<string, string> = { RUNNER_EVENT: event.event }
    if (this.#runId !== undefined) fields.RUNNER_RUN_ID = String(this.#runId)
    if ('task' in event && event.task !== undefined) {
      fields.RUNNER_TASK = 'name' in event ? event.name : (this.#names.get(event.task) ?? event.task)
      fields.RUNNER_TASK_FILE = event.task
    }
    if ('try_num' in event) fields.RUNNER_TRY = String(event.try_num)
    return fields
  }
}
