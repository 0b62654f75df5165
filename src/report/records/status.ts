import type { RunRecord } from '../../journal/reader.ts'
import { openHook, openTry, secondsBetween, usualDuration } from '../../journal/runs.ts'
import { defined } from '../../result.ts'
import { escaped, shown } from '../../system/printable.ts'
import { describeEnding, durationText } from '../describe.ts'
import { localTime } from '../local-time.ts'
import { skippedText, summarize, took } from './run-summary.ts'

/** The state of a run, and where it is or how it ended, as JSON. */
export function statusFacts(run: RunRecord, earlier: readonly RunRecord[], now: Date) {
  const summary = summarize(run, now)
  const open = openTry(run)
  if (summary.state !== 'running') return summary
  const waiting = run.waiting
  if (waiting !== undefined) {
    const left = waiting.delay_seconds - secondsBetween(waiting.at, now)
    return {
      ...summary,
      waiting_seconds: Math.max(0, left),
      next_task: waiting.next_task,
      try_num: waiting.try_num,
    }
  }
  const hook = openHook(run)?.started
  if (hook !== undefined)
    return {
      ...summary,
      try_num: hook.try_num,
      hook: hook.hook,
      hook_started_at: hook.at,
      hook_seconds: secondsBetween(hook.at, now),
    }
  if (open === undefined) return summary
  const { task, try_num, max_tries, at } = open.started
  const usual = usualDuration(task, earlier)
  return {
    ...summary,
    task,
    try_num,
    max_tries,
    task_started_at: at,
    task_seconds: secondsBetween(at, now),
    ...defined({ usual_seconds: usual }),
  }
}

/** The same in a few lines. */
export function statusText(run: RunRecord, earlier: readonly RunRecord[], now: Date): string {
  const facts = statusFacts(run, earlier, now)
  const progress = `${facts.tasks_done} of ${facts.tasks} tasks done${skippedText(facts)}`
  if (facts.state !== 'running') {
    const why = run.ended?.failure === undefined ? '' : ` (${escaped(describeEnding(run.ended.failure))})`
    const by = facts.task === undefined ? '' : ` at ${shown(facts.task)}${why}`
    const what =
      facts.state === 'crashed'
        ? `ended without a word${by}: runner was killed, or the machine went down`
        : `${facts.state}${by}`
    const times = `started ${localTime(facts.started_at)}, took ${took(facts)}`
    return `run ${facts.run_id}: ${what}; ${progress}; ${times}\n`
  }
  const since = `since ${localTime(facts.started_at)}, for ${durationText(facts.duration_seconds)}`
  const head = `run ${facts.run_id}: running ${since}; ${progress}\n`
  if ('next_task' in facts) {
    const next = `try ${facts.try_num}, from ${shown(facts.next_task)}`
    return `${head}  waiting ${durationText(facts.waiting_seconds)} more before ${next}\n`
  }
  if ('hook' in facts) {
    const hook = `${facts.hook} hook of try ${facts.try_num}, for ${durationText(facts.hook_seconds)}`
    return `${head}  ${shown(facts.task ?? '')}: ${hook}\n`
  }
  if (!('task_seconds' in facts)) return head
  const usual =
    facts.usual_seconds === undefined ? 'no usual time known' : `usually ${durationText(facts.usual_seconds)}`
  const tries = `try ${facts.try_num} of ${facts.max_tries}, for ${durationText(facts.task_seconds)}`
  return `${head}  ${shown(facts.task)}: ${tries} (${usual})\n`
}
