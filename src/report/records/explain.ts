import type { TryEnd } from '../../event.ts'
import type { RunRecord, TryRecord } from '../../journal/run-record.ts'
import { openProcesses, runStateOf } from '../../journal/runs.ts'
import { lastLinesOf } from '../../process/log-reader.ts'
import { defined } from '../../result.ts'
import { escaped, shown } from '../../system/printable.ts'
import { describeEnding, durationText, processes } from '../describe.ts'
import { localTime } from '../local-time.ts'
import { hookWords } from './status.ts'

/** The number of last lines that are shown, and the number of characters of each. */
const reportLines = 5
const longestLine = 200

/** A setting that set a limit, and its place. */
interface Limit {
  key: 'max_time' | 'max_tries' | 'max_reboots'
  value: number
  from: string
}

/** Everything about why a run ended, as JSON. */
export interface Explanation {
  run_id: number
  state: string
  started_at: string
  exit_status?: number
  task?: string
  try_num?: number
  max_tries?: number
  /** The end of the last try of that task. */
  ending?: string
  /** The settings by which it ended: of the try, and of the chain. */
  limits: Limit[]
  /** The hook or halt task that runs, or ran at the end of the record. */
  under_way?: { what: 'halt task' | 'pre hook' | 'post hook' | 'condition'; task: string; try_num: number }
  /** The task for which the reboot_command ran at the end of the record. */
  reboot_asked_by?: string
  /** The task from which the chain is or was to be tried again after a wait. */
  waiting_for?: { task: string; try_num: number }
  /** The other tasks that were under way at the same time, and that are not done. */
  beside?: Beside[]
  killed: { pid: number; command: string }[]
  survivors: { pid: number; command: string }[]
  last_lines: string[]
  log?: string
  notices: string[]
  /** The tasks that were skipped. */
  skipped: { task: string; message: string }[]
  resumes?: number
}

/** A task that was under way beside the one by which a run stands or falls. */
interface Beside {
  task: string
  try_num: number
  /** The end of its try, or what it was doing, in words that follow its name. */
  what: string
}

export function explain(run: RunRecord): Explanation {
  const state = runStateOf(run)
  const tries = run.tries.filter(({ started }) => started.kind === 'task')
  const failed = run.started.resumes?.failed
  const open = openProcesses(run).find(({ started }) => started.kind === 'task')
  const task = run.ended === undefined ? ((open ?? tries.at(-1))?.started ?? failed)?.task : run.ended.task
  const last = lastTryOf(run, task)
  // The last output of a try that was cut off is not on record, but in its log.
  const unread = last?.ended === undefined ? last?.log : undefined
  const lines = unread === undefined ? (last?.ended?.last_lines ?? []) : lastLinesOf(unread, reportLines)
  const log = last?.ended?.log.file ?? (lines.length > 0 ? unread : undefined)
  return {
    run_id: run.started.run_id,
    state,
    started_at: run.started.at,
    ...defined({
      exit_status: run.ended?.exit_status,
      task,
      try_num: last?.try_num,
      max_tries: last?.max_tries,
      ending: last?.ended && describeEnding(last.ended),
    }),
    limits: limitsOf(run, last, state),
    ...defined({
      under_way: underWay(run, task),
      ...pendingOf(run, task),
      beside: besideOf(run, task, state),
    }),
    killed: last?.ended?.killed ?? [],
    survivors: last?.ended?.survivors ?? [],
    last_lines: lines,
    ...defined({ log }),
    notices: run.notices,
    skipped: [...run.skipped.values()].map(({ task, message }) => ({ task, message })),
    ...defined({ resumes: run.started.resumes?.run_id }),
  }
}

/** The reboot or the next try that a run without an end was waiting for. */
function pendingOf({ ended, reboot, waits, started }: RunRecord, task: string | undefined) {
  if (ended !== undefined) return {}
  const isOfBeside = (wait: { counts: string; next_task: string }) =>
    started.parallel !== undefined && wait.counts === 'task' && wait.next_task !== task
  const waiting = [...waits.values()].find(wait => !isOfBeside(wait))
  return {
    reboot_asked_by: reboot?.asked ? reboot.task : undefined,
    waiting_for: waiting && { task: waiting.next_task, try_num: waiting.try_num },
  }
}

/** The try of a task by which a run stands or falls. */
interface LastTry {
  task: string
  try_num: number
  max_tries: number
  log?: string
  ended?: TryEnd | undefined
}

/** The last try of a task; in a run that resumes another one after a failed try of that task, that try. */
function lastTryOf({ tries, started: { tasks, resumes } }: RunRecord, task?: string): LastTry | undefined {
  const own = tries.findLast(({ started }) => started.kind === 'task' && started.task === task)
  if (own !== undefined) return { ...own.started, ended: own.ended }
  const failed = resumes?.failed
  if (failed === undefined || failed.task !== task) return undefined
  const max_tries = tasks.find(planned => planned.task === task)?.max_tries ?? failed.try_num
  return { task, try_num: failed.try_num, max_tries, ended: failed }
}

/** The hook of a task, or the halt task, that has begun and not ended. */
function underWay(run: RunRecord, task: string | undefined): Explanation['under_way'] {
  for (const { started } of openProcesses(run)) {
    const { try_num } = started
    if ('hook' in started && started.task === task) return { what: hookWords(started.hook), task, try_num }
    if (started.kind === 'halt') return { what: 'halt task', task: started.task, try_num }
  }
  return undefined
}

/** The others of a run that may have several tasks under way: those that are, and those that have failed. */
function besideOf(run: RunRecord, task: string | undefined, state: string): Beside[] | undefined {
  if (run.started.parallel === undefined) return undefined
  const be = state === 'running' ? 'is' : 'was'
  const others = run.started.tasks.map(planned => planned.task).filter(other => other !== task)
  const last = run.tries.findLast(({ started }) => started.task === task)
  const found = others.flatMap((other): Beside[] => {
    const open = openProcesses(run).find(({ started }) => started.task === other)?.started
    const wait = run.ended === undefined ? run.waits.get(other) : undefined
    const own = run.tries.findLast(({ started }) => started.task === other)
    if (open !== undefined) {
      const step = 'hook' in open ? `its ${hookWords(open.hook)}` : 'it'
      return [{ task: other, try_num: open.try_num, what: `${step} ${be} under way` }]
    }
    if (wait !== undefined)
      return [{ task: other, try_num: wait.try_num, what: `it ${be} waiting for this try` }]
    if (own?.ended === undefined || run.done.includes(other) || !overlap(own, last)) return []
    return [{ task: other, try_num: own.started.try_num, what: describeEnding(own.ended) }]
  })
  return found.length === 0 ? undefined : found
}

/** Whether two tries were under way at the same time. */
function overlap(a: TryRecord, b: TryRecord | undefined): boolean {
  const ends = [a, b].map(record => record?.ended?.at ?? '9999')
  return b !== undefined && a.started.at <= ends[1]! && b.started.at <= ends[0]!
}

/** The settings by which the last try and the chain were ended. */
function limitsOf(run: RunRecord, last: LastTry | undefined, state: string): Limit[] {
  const { reboots, max_reboots = Number.POSITIVE_INFINITY, max_reboots_from } = run.started
  // With no try at all, a run that gives up had only the reboot of an earlier one left to ask for.
  const wanted = last === undefined || last.ended?.outcome === 'REBOOT'
  if (state === 'gave-up' && wanted && reboots >= max_reboots)
    return [{ key: 'max_reboots', value: max_reboots, from: max_reboots_from ?? 'the default' }]
  if (last === undefined) return []
  const { task, try_num, max_tries, ended } = last
  const fact = run.started.tasks.find(planned => planned.task === task)
  const limits: Limit[] = []
  if (ended?.failure?.reason === 'timed-out')
    limits.push({
      key: 'max_time',
      value: ended.failure.max_time,
      from: fact?.max_time_from ?? 'the default',
    })
  if (state === 'gave-up' && try_num >= max_tries && ended?.outcome === 'RETRY')
    limits.push({ key: 'max_tries', value: max_tries, from: fact?.max_tries_from ?? 'the default' })
  return limits
}

/** On one screen. */
export function explainText(facts: Explanation): string {
  const lines = [`run ${facts.run_id}, started ${localTime(facts.started_at)}: ${verdict(facts)}`]
  const be = facts.state === 'running' ? 'is' : 'was'
  if (facts.resumes !== undefined) lines.push(`It resumed run ${facts.resumes}.`)
  if (facts.task !== undefined && facts.try_num !== undefined) {
    const ending = facts.ending ?? `${be} under way`
    lines.push(`${shown(facts.task)}, try ${facts.try_num} of ${facts.max_tries}: ${ending}.`)
  }
  if (facts.task !== undefined && facts.try_num === undefined && facts.under_way === undefined)
    lines.push(`It was at ${shown(facts.task)}.`)
  if (facts.reboot_asked_by !== undefined)
    lines.push(`${shown(facts.reboot_asked_by)} had asked for a reboot, with the reboot_command.`)
  if (facts.under_way !== undefined) {
    const { what, task, try_num } = facts.under_way
    const of = what === 'halt task' ? ` ${shown(task)}` : ` of ${shown(task)}, try ${try_num},`
    lines.push(`The ${what}${of} ${be} under way.`)
  }
  if (facts.waiting_for !== undefined)
    lines.push(
      `It ${be} waiting for try ${facts.waiting_for.try_num}, from ${shown(facts.waiting_for.task)}.`,
    )
  for (const { task, try_num, what } of facts.beside ?? [])
    lines.push(`Beside it: ${shown(task)}, try ${try_num}: ${what}.`)
  for (const { key, value, from } of facts.limits) {
    const amount = key === 'max_time' ? durationText(value) : String(value)
    lines.push(`The limit is ${key} = ${amount}, from ${from}.`)
  }
  if (facts.killed.length > 0) lines.push(`Ended with it: ${processes(facts.killed)}.`)
  if (facts.survivors.length > 0) lines.push(`Still alive after SIGKILL: ${processes(facts.survivors)}.`)
  if (facts.last_lines.length > 0)
    lines.push('Its last lines:', ...facts.last_lines.map(line => `  | ${cut(line)}`))
  if (facts.log !== undefined) lines.push(`All of its output: ${facts.log}`)
  for (const { task, message } of facts.skipped) lines.push(`Skipped: ${shown(task)}: ${message}.`)
  for (const notice of facts.notices) lines.push(`Notice: ${notice}`)
  return `${lines.map(escaped).join('\n')}\n`
}

/** The beginning of a line, so that everything fits on one screen; the log has the rest. */
function cut(line: string): string {
  return line.length > longestLine ? `${line.slice(0, longestLine)} …` : line
}

function verdict({ state, exit_status }: Explanation): string {
  const status = exit_status === undefined ? '' : ` (status ${exit_status})`
  const words: Record<string, string> = {
    running: 'it is running',
    crashed: 'it ended without a word: runner was killed, or the machine went down',
    succeeded: 'all went well',
    'gave-up': 'it gave up',
    halted: 'a task halted it',
    exited: 'a task stopped it',
    reboot: 'a task asked for a reboot',
    interrupted: 'it was interrupted by a signal',
  }
  return `${words[state]}${status}.`
}
