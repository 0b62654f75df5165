import type { HookRef, Outcome } from '../../event.ts'
import type { HookRecord, RunRecord, TryRecord } from '../../journal/run-record.ts'
import { runStateOf, secondsBetween, usualDuration } from '../../journal/runs.ts'
import { defined } from '../../result.ts'

/** A part of the time of a task; times are seconds since the run began. */
export interface TaskSpan {
  what: 'try' | 'wait' | HookRef['hook']
  try_num: number
  from: number
  /** The end; of a span that has none on record the last time that is. */
  to: number
  /** Of a try that has ended. */
  outcome?: Outcome
}

/** Where the time of one task went. */
export interface TaskTimes {
  task: string
  /** In the order of time. */
  spans: TaskSpan[]
  /** Seconds since the run began. */
  from: number
  to: number
  /** The sum of all spans. */
  seconds: number
  try_seconds: number
  hook_seconds: number
  wait_seconds: number
  tries: number
  /** The usual duration of a try that is OK: the median of earlier runs. */
  usual_seconds?: number
}

/** A task of the critical chain. */
export interface CriticalTask {
  task: string
  from: number
  seconds: number
  usual_seconds?: number
}

/** Where the time of a run went. */
export interface Analysis {
  run_id: number
  state: string
  started_at: string
  duration_seconds: number
  /** The most tasks that might be under way at once; absent for 1. */
  parallel?: number
  /** The tasks that began, in the order of their beginnings; the halt task among them. */
  tasks: TaskTimes[]
  /** Seconds in which no task was under way. */
  idle_seconds: number
  /** The tasks by which the run took as long as it did: each began when the one before it had ended. */
  critical_chain: CriticalTask[]
}

/** Divides the time of a run among its tasks. `earlier` are the runs before it. */
export function analyze(run: RunRecord, earlier: readonly RunRecord[], now: Date): Analysis {
  const state = runStateOf(run)
  const began = run.started.at
  const end = state === 'running' ? now.toISOString() : run.last_at
  const since = (at: string) => rounded(secondsBetween(began, at))
  const until = since(end)
  const spans = Map.groupBy(spansOf(run, since, until), ({ task }) => task)
  const tasks = [...spans].map(([task, own]) =>
    taskTimes(
      task,
      own.map(({ span }) => span),
      earlier,
    ),
  )
  return {
    run_id: run.started.run_id,
    state,
    started_at: began,
    duration_seconds: run.ended?.duration_seconds ?? until,
    ...defined({ parallel: run.started.parallel }),
    tasks: tasks.sort((a, b) => a.from - b.from),
    idle_seconds: rounded(until - covered(tasks.flatMap(({ spans }) => spans))),
    critical_chain: criticalChain(tasks),
  }
}

interface SpanOfTask {
  task: string
  span: TaskSpan
}

function spansOf(run: RunRecord, since: (at: string) => number, until: number): SpanOfTask[] {
  const ofProcess = ({ started, ended }: TryRecord | HookRecord): SpanOfTask => {
    const { task, try_num, at } = started
    const what = 'hook' in started ? started.hook : 'try'
    const outcome = ended !== undefined && 'outcome' in ended ? ended.outcome : undefined
    const to = ended === undefined ? until : since(ended.at)
    return { task, span: { what, try_num, from: since(at), to, ...defined({ outcome }) } }
  }
  const processes = [...run.hooks, ...run.tries].map(ofProcess)
  const starts = processes.map(({ span }) => span.from)
  const waits = run.sleeps.map(({ at, task, try_num, delay_seconds, counts }): SpanOfTask => {
    const from = since(at)
    // A wait ends early where the run is stopped or another task ends the pass.
    const next = counts === 'chain' ? Math.min(...starts.filter(start => start >= from)) : until
    const to = Math.min(from + delay_seconds, next, until)
    return { task, span: { what: 'wait', try_num, from, to: rounded(to) } }
  })
  return [...processes, ...waits]
}

function taskTimes(task: string, unsorted: readonly TaskSpan[], earlier: readonly RunRecord[]): TaskTimes {
  const spans = unsorted.toSorted((a, b) => a.from - b.from)
  const sum = (fits: (span: TaskSpan) => boolean) => secondsIn(spans.filter(fits))
  return {
    task,
    spans,
    from: spans[0]!.from,
    to: Math.max(...spans.map(({ to }) => to)),
    seconds: secondsIn(spans),
    try_seconds: sum(({ what }) => what === 'try'),
    hook_seconds: sum(({ what }) => what !== 'try' && what !== 'wait'),
    wait_seconds: sum(({ what }) => what === 'wait'),
    tries: spans.filter(({ what }) => what === 'try').length,
    ...defined({ usual_seconds: usualDuration(task, earlier) }),
  }
}

/**
 * Goes back from the last span of the run: a span that began when another one ended waited for that one. If
 * several spans ended before, it waited for the last of them, and for the task itself before others. Spans of
 * one task that follow each other are one member of the chain.
 */
function criticalChain(tasks: readonly TaskTimes[]): CriticalTask[] {
  const all = tasks.flatMap(one => one.spans.map(span => ({ ...one, span })))
  const chain: CriticalTask[] = []
  let before = Number.POSITIVE_INFINITY
  let last: string | undefined
  for (const left = new Set(all); ; ) {
    const ended = [...left].filter(({ span }) => span.to <= before)
    const latest = Math.max(...ended.map(({ span }) => span.to))
    const found =
      ended.find(one => one.span.to === latest && one.task === last) ??
      ended.find(one => one.span.to === latest)
    if (found === undefined) return chain.reverse()
    left.delete(found)
    const { task, span, usual_seconds } = found
    const member = chain.at(-1)
    if (member?.task === task) {
      member.seconds = rounded(member.from + member.seconds - span.from)
      member.from = span.from
    } else
      chain.push({
        task,
        from: span.from,
        seconds: rounded(span.to - span.from),
        ...defined({ usual_seconds }),
      })
    before = span.from
    last = task
  }
}

/** Seconds in which at least one of the spans was under way. */
function covered(spans: readonly TaskSpan[]): number {
  let total = 0
  let until = 0
  for (const { from, to } of spans.toSorted((a, b) => a.from - b.from)) {
    total += Math.max(0, to - Math.max(from, until))
    until = Math.max(until, to)
  }
  return total
}

function secondsIn(spans: readonly TaskSpan[]): number {
  return rounded(spans.reduce((total, { from, to }) => total + to - from, 0))
}

function rounded(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}
