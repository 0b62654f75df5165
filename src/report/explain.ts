import type { RunRecord, TryRecord } from '../journal/reader.ts'
import { openTry, stateOf } from '../journal/runs.ts'
import { describeEnding, one, processes, seconds } from './describe.ts'
import { localTime } from './history.ts'

/** Everything about why a run ended, as JSON. */
export interface Explanation {
  run_id: number
  state: string
  started_at: string
  exit_status?: number
  task?: string
  try_num?: number
  max_tries?: number
  /** What happened to the last try of that task. */
  ending?: string
  /** The setting that set the limit, and where it stands. */
  limit?: { key: 'max_time' | 'max_tries'; value: number; from: string }
  killed: { pid: number; command: string }[]
  survivors: { pid: number; command: string }[]
  last_lines: string[]
  log?: string
  notices: string[]
  resumes?: number
}

export function explain(run: RunRecord): Explanation {
  const state = stateOf(run)
  const task = run.ended?.task ?? openTry(run)?.started.task
  const last = run.tries.findLast(({ started }) => started.task === task && started.kind === 'task')
  const limit = last === undefined ? undefined : limitOf(run, last, state)
  return {
    run_id: run.started.run_id,
    state,
    started_at: run.started.at,
    ...(run.ended === undefined ? {} : { exit_status: run.ended.exit_status }),
    ...(task === undefined ? {} : { task }),
    ...(last === undefined ? {} : { try_num: last.started.try_num, max_tries: last.started.max_tries }),
    ...(last?.ended === undefined ? {} : { ending: describeEnding(last.ended) }),
    ...(limit === undefined ? {} : { limit }),
    killed: last?.ended?.killed ?? [],
    survivors: last?.ended?.survivors ?? [],
    last_lines: last?.ended?.last_lines ?? [],
    ...(last?.ended?.log.file === undefined ? {} : { log: last.ended.log.file }),
    notices: run.notices,
    ...(run.started.resumes === undefined ? {} : { resumes: run.started.resumes.run_id }),
  }
}

/** The setting by which the try, or else the chain, was ended. */
function limitOf(run: RunRecord, { started, ended }: TryRecord, state: string): Explanation['limit'] {
  const fact = run.started.tasks.find(({ task }) => task === started.task)
  const key =
    ended?.failure?.reason === 'timed-out'
      ? 'max_time'
      : state === 'gave-up' && started.try_num >= started.max_tries && ended?.outcome === 'RETRY'
        ? 'max_tries'
        : undefined
  if (key === undefined) return undefined
  return { key, value: started[key], from: fact?.[`${key}_from`] ?? 'the default' }
}

/** On one screen. */
export function explainText(facts: Explanation): string {
  const lines = [`run ${facts.run_id}, started ${localTime(facts.started_at)}: ${verdict(facts)}`]
  if (facts.resumes !== undefined) lines.push(`It went on with run ${facts.resumes}.`)
  if (facts.task !== undefined && facts.try_num !== undefined) {
    const ending = facts.ending === undefined ? 'was under way' : facts.ending
    lines.push(`${one(facts.task)}, try ${facts.try_num} of ${facts.max_tries}: ${ending}.`)
  }
  if (facts.limit !== undefined) {
    const { key, value, from } = facts.limit
    const amount = key === 'max_time' ? seconds(value) : String(value)
    lines.push(`The limit is ${key} = ${amount}, from ${from}.`)
  }
  if (facts.killed.length > 0) lines.push(`Ended with it: ${processes(facts.killed)}.`)
  if (facts.survivors.length > 0) lines.push(`Still alive after SIGKILL: ${processes(facts.survivors)}.`)
  if (facts.last_lines.length > 0)
    lines.push('Its last lines:', ...facts.last_lines.map(line => `  | ${line}`))
  if (facts.log !== undefined) lines.push(`All of its output: ${facts.log}`)
  for (const notice of facts.notices) lines.push(`Notice: ${notice}`)
  return `${lines.join('\n')}\n`
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
