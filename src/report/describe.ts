import type { Event, ProcessFact, ResumeFact, TryEnd } from '../event.ts'
import { counted } from '../system/counted.ts'
import { escaped, shown } from '../system/printable.ts'

/** The amount that is shown of a run. */
export type Verbosity = 'quiet' | 'normal' | 'verbose'

/** The importance of a line; the names are syslog's. */
export type Priority = 'err' | 'warning' | 'notice' | 'info' | 'debug'

/** One line for a person. */
export interface DescribedLine {
  priority: Priority
  text: string
}

/** Processes that a line names at the most. */
const mostProcesses = 8

type Ending = Pick<TryEnd, 'exit_code' | 'signal' | 'failure'>

/** The lines for an event, without the output of tasks. */
export function describe(
  event: Event,
  verbosity: Verbosity,
  /** Whether people see the output of tasks beside the lines. */
  outputShown = verbosity !== 'quiet',
): DescribedLine[] {
  const least = verbosity === 'quiet' ? 1 : verbosity === 'normal' ? 3 : 4
  return linesOf(event, outputShown).filter(({ priority }) => ranks[priority] <= least)
}

const ranks: Record<Priority, number> = { err: 0, warning: 1, notice: 2, info: 3, debug: 4 }

function linesOf(event: Event, outputShown: boolean): DescribedLine[] {
  switch (event.event) {
    case 'run:started': {
      const lines = [
        line('info', `run ${event.run_id}: ${count(event.tasks.length, 'task')} in ${event.task_dir}`),
      ]
      if (event.config_file !== undefined) lines.push(line('debug', `configuration: ${event.config_file}`))
      if (event.run_dir !== undefined) lines.push(line('debug', `records: ${event.run_dir}`))
      if (event.resumes !== undefined) lines.push(resumed(event.resumes))
      return lines
    }
    case 'run:not-resumed':
      return [line('notice', `from the beginning: ${event.message}`)]
    case 'try:started': {
      const subject = event.kind === 'halt' ? `halt task ${shown(event.task)}` : shown(event.task)
      const tries = event.kind === 'halt' ? '' : ` (try ${event.try_num} of ${event.max_tries})`
      const limit = event.max_time === 0 ? 'no time limit' : `time limit ${durationText(event.max_time)}`
      return [line('info', `${subject}: started${tries}`), line('debug', `${subject}: ${limit}`)]
    }
    case 'try:running':
      return [line('debug', `${shown(event.task)}: pid ${event.pid}`)]
    case 'output:late':
      return [
        line(
          'debug',
          `${shown(event.task)}: ${counted(event.bytes, 'byte')} more from what it left in the background`,
        ),
      ]
    case 'reboot:asked': {
      const number = `${event.reboots} of at most ${event.max_reboots}`
      return [line('notice', `${shown(event.task)}: asks for a reboot (${number}): ${event.command}`)]
    }
    case 'try:limit':
      return [
        line(
          'warning',
          `${shown(event.task)}: has run ${durationText(event.max_time)}, its max_time; ending it`,
        ),
      ]
    case 'try:ended':
      return tryEnded(event, outputShown)
    case 'hook:ended': {
      if (event.failure === undefined) return []
      const what = event.hook === 'condition' ? 'its condition_command' : `the ${event.hook} hook`
      const text = `${shown(event.task)}: ${what} ${event.failure}`
      return [line('warning', text), ...endedWithIt(event), ...quoted('warning', event.last_lines)]
    }
    case 'chain:waiting': {
      const again =
        event.next_task === event.task ? 'trying it again' : `trying again from ${shown(event.next_task)}`
      const tries = `try ${event.try_num} of ${event.max_tries}`
      return [
        line('notice', `${shown(event.task)}: ${again} in ${durationText(event.delay_seconds)} (${tries})`),
      ]
    }
    case 'task:given-up': {
      const go = event.required ? 'giving up' : 'not required: continuing without it'
      return [
        line(event.required ? 'err' : 'warning', `${shown(event.task)}: failed ${times(event.tries)}; ${go}`),
      ]
    }
    case 'task:skipped':
      return [line('info', `${shown(event.task)}: skipped: ${event.message}`)]
    case 'task:done':
      return event.recorded ? [line('debug', `${shown(event.task)}: recorded as done`)] : []
    case 'run:stopping': {
      const how = event.immediately ? 'at once' : 'once more to end it at once'
      return [line('warning', `${event.signal}: stopping${event.immediately ? ' ' : '; '}${how}`)]
    }
    case 'notice':
      return [line(event.reason === 'no-halt-task' ? 'notice' : 'warning', event.message)]
    case 'run:ended':
      return runEnded(event)
    case 'try:output':
    case 'hook:started':
    case 'hook:running':
    case 'hook:output':
      return []
  }
}

function resumed({ run_id, done }: ResumeFact): DescribedLine {
  const names = done.map(shown).join(', ')
  const text = done.length === 0 ? 'nothing of it was done' : `done, and not run again: ${names}`
  return line('notice', `resuming run ${run_id}; ${text}`)
}

function tryEnded(event: Event & { event: 'try:ended' }, outputShown: boolean): DescribedLine[] {
  const good = event.outcome === 'OK'
  const subject = `${event.kind === 'halt' ? 'halt task ' : ''}${shown(event.task)}: ${event.outcome}`
  const facts = [...(good ? [] : [describeEnding(event)]), durationText(event.duration_seconds)]
  const lines = [line(good ? 'info' : 'warning', `${subject} (${facts.join(', ')})`)]
  lines.push(...endedWithIt(event))
  if (event.log.left_out > 0) {
    const where = event.log.file === undefined ? '' : ` of ${event.log.file}`
    const size = `${event.log.left_out} of ${event.log.bytes} bytes`
    lines.push(line('notice', `  ${size} of its output are left out${where} (log_limit)`))
  }
  if (event.log.file !== undefined) lines.push(line('debug', `  output: ${event.log.file}`))
  if (!outputShown && !good) lines.push(...quoted('warning', event.last_lines))
  return lines
}

function endedWithIt({ killed, survivors }: Pick<TryEnd, 'killed' | 'survivors'>): DescribedLine[] {
  return [
    ...(killed.length > 0 ? [line('warning', `  ended with it: ${processes(killed)}`)] : []),
    ...(survivors.length > 0 ? [line('err', `  still alive: ${processes(survivors)}`)] : []),
  ]
}

function runEnded(event: Event & { event: 'run:ended' }): DescribedLine[] {
  const run = `run ${event.run_id}`
  const time = durationText(event.duration_seconds)
  const by = event.task === undefined ? '' : ` ${shown(event.task)}`
  const why = event.failure === undefined ? '' : ` (${describeEnding(event.failure)})`
  const last = quoted('err', event.failure?.last_lines ?? [])
  switch (event.reason) {
    case 'succeeded':
      return [
        line('info', `${run} succeeded: ${count(event.tasks_done, 'task')}${skippedOf(event)} in ${time}`),
      ]
    case 'gave-up':
      return [line('err', `${run} gave up at${by}${why} after ${time}`), ...last]
    case 'halted':
      return [line('err', `${run} was halted by${by}${why} after ${time}`), ...last]
    case 'exited':
      return [line('err', `${run} was stopped by${by}${why} after ${time}`), ...last]
    case 'reboot':
      return [line('notice', `${run} continues after the reboot that${by} asked for (after ${time})`)]
    case 'interrupted':
      return [line('err', `${run} was interrupted${by === '' ? '' : ` at${by}`} after ${time}`)]
  }
}

/** `exit status 1`, `killed by SIGKILL`, `ran longer than its max_time, 5 s`. */
export function describeEnding({ exit_code, signal, failure }: Ending): string {
  if (failure?.reason === 'timed-out')
    return `ran longer than its max_time, ${durationText(failure.max_time)}`
  if (failure !== undefined) return failure.message
  if (signal !== undefined) return `killed by ${signal}`
  return `exit status ${exit_code}`
}

function skippedOf({ tasks_skipped }: Event & { event: 'run:ended' }): string {
  return tasks_skipped === undefined ? '' : `, ${tasks_skipped} skipped,`
}

function line(priority: Priority, text: string): DescribedLine {
  return { priority, text: escaped(text) }
}

function quoted(priority: Priority, lines: readonly string[]): DescribedLine[] {
  return lines.map(text => line(priority, `  | ${text}`))
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}

function times(number: number): string {
  return number === 1 ? 'once' : number === 2 ? 'twice' : `${number} times`
}

/** Names processes, the first of many. */
export function processes(facts: readonly ProcessFact[]): string {
  const names = facts.slice(0, mostProcesses).map(({ pid, command }) => `${shown(command)} (pid ${pid})`)
  const more = facts.length - names.length
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

/** A duration for a person: `4 ms`, `1.25 s`, `12.3 s`, `3 min 5 s`, `2 h 4 min`. */
export function durationText(value: number): string {
  if (value < 1) return `${Math.round(value * 1000)} ms`
  if (value < 10) return `${Number(value.toFixed(2))} s`
  if (value < 120) return `${Number(value.toFixed(1))} s`
  const whole = Math.round(value)
  if (whole < 7200) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}
