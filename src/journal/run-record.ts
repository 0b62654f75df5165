import type { Event, HookRef, SkipFact, TryEnd, TryRef } from '../event.ts'
import { defined } from '../result.ts'
import { allFailed, allTaskTries } from './resume-fact.ts'

/** An event of the journal. */
export type Recorded = Event & { at: string }
export type RecordedOf<Name extends Event['event']> = Extract<Event, { event: Name }> & { at: string }

/** A try, or a run of a hook, as the journal knows it. */
interface ProcessRecord<Kind extends 'try' | 'hook'> {
  started: RecordedOf<`${Kind}:started`>
  /** Absent where it could not be started, and where the end came first. */
  running?: RecordedOf<`${Kind}:running`>
  /** Absent while it runs, and where the journal ends before it. */
  ended?: RecordedOf<`${Kind}:ended`>
  /** Bytes that processes in the background wrote after its end. */
  late_bytes: number
}
export type TryRecord = ProcessRecord<'try'>
export type HookRecord = ProcessRecord<'hook'>

/** One run, made out from its journal. */
export interface RunRecord {
  started: RecordedOf<'run:started'>
  tries: TryRecord[]
  hooks: HookRecord[]
  /** The number of ended tries of each task, with those of the runs that it resumed. */
  tried: Map<string, number>
  /** Files of the tasks that are done and need not run again. */
  done: string[]
  /** Files of the tasks that have begun and are not done. */
  begun: Set<string>
  /** The tasks among `done` that were skipped, by their files. */
  skipped: Map<string, SkipFact>
  /** Which try of the chain is under way. */
  chain_try: number
  /** The number of the next try of each task whose tries count by themselves, and that has had some. */
  task_tries: Map<string, number>
  /** The last tries that have failed, by their tasks, while nothing has followed from that yet. */
  failed: Map<string, TryRef & TryEnd>
  /** All waits before another try. */
  sleeps: RecordedOf<'chain:waiting'>[]
  /** The waits that no next try has ended yet, by the task with which that will begin. */
  waits: Map<string, RecordedOf<'chain:waiting'>>
  /** The task that asked for a reboot, and whether the reboot was asked of the system. */
  reboot?: { task: string; asked: boolean }
  /** The result of the chain after its last task, whether or not the end of the run is on record. */
  verdict?: 'halted' | 'exited' | 'gave-up'
  ended?: RecordedOf<'run:ended'>
  /** The time of the last event. */
  last_at: string
  notices: string[]
}

/** Folds events into a record, without those that cannot be read. */
export function foldRun(
  started: RecordedOf<'run:started'>,
  events: readonly (Recorded | undefined)[],
): RunRecord {
  const { resumes } = started
  const run: RunRecord = {
    started,
    tries: [],
    hooks: [],
    tried: new Map(resumes?.tried?.map(({ task, tries }) => [task, tries])),
    done: [...(resumes?.done ?? [])],
    begun: new Set(resumes?.begun),
    skipped: new Map(resumes?.skipped?.map(fact => [fact.task, fact])),
    chain_try: resumes?.chain_try ?? 1,
    task_tries: new Map(allTaskTries(resumes).map(({ task, try_num }) => [task, try_num])),
    failed: new Map(allFailed(resumes).map(end => [end.task, end])),
    sleeps: [],
    waits: new Map(),
    ...defined({
      reboot: resumes?.reboot === undefined ? undefined : { task: resumes.reboot, asked: false },
    }),
    last_at: started.at,
    notices: [],
  }
  for (const event of events) {
    if (event === undefined) continue
    run.last_at = event.at
    take(run, event)
  }
  return run
}

function take(run: RunRecord, event: Recorded): void {
  switch (event.event) {
    case 'try:started':
      run.tries.push({ started: event, late_bytes: 0 })
      if (event.kind === 'task') run.begun.add(event.task)
      run.waits.delete(event.task)
      run.failed.delete(event.task)
      break
    case 'try:running': {
      const record = openOf(run.tries, event)
      if (record !== undefined) record.running = event
      break
    }
    case 'try:ended': {
      const record = openOf(run.tries, event)
      if (record !== undefined) record.ended = event
      takeEnd(run, event)
      break
    }
    case 'hook:started':
      run.hooks.push({ started: event, late_bytes: 0 })
      run.waits.delete(event.task)
      break
    case 'hook:running': {
      const record = openOf(run.hooks, event)
      if (record !== undefined) record.running = event
      break
    }
    case 'hook:ended': {
      const record = openOf(run.hooks, event)
      if (record !== undefined) record.ended = event
      break
    }
    case 'task:given-up':
      run.failed.delete(event.task)
      if (event.required) run.verdict = 'gave-up'
      else taskDone(run, event.task)
      break
    case 'task:done':
      taskDone(run, event.task)
      break
    case 'task:skipped': {
      const { event: _, at: __, ...fact } = event
      run.skipped.set(event.task, fact)
      run.waits.delete(event.task)
      taskDone(run, event.task)
      break
    }
    case 'chain:waiting':
      takeWait(run, event)
      break
    case 'output:late': {
      const records = event.hook === undefined ? run.tries : run.hooks
      const record = records.find(({ started }) => sameTry(started, event))
      if (record !== undefined) record.late_bytes += event.bytes
      break
    }
    case 'reboot:asked':
      run.reboot = { task: event.task, asked: true }
      break
    case 'run:ended':
      run.ended = event
      break
    case 'notice':
      run.notices.push(event.message)
      if (event.reason === 'no-reboot') run.verdict = 'gave-up'
      break
  }
}

function takeEnd(run: RunRecord, ended: RecordedOf<'try:ended'>): void {
  const { event: _, at: __, ...end } = ended
  const { task, kind, outcome, failure } = end
  if (failure?.reason === 'not-started') run.begun.delete(task)
  if (kind === 'halt') return
  run.tried.set(task, (run.tried.get(task) ?? 0) + 1)
  if (outcome === 'OK' || outcome === 'REBOOT') {
    // One that is not to run always is done when that is on record.
    const fact = run.started.tasks.find(planned => planned.task === task)
    if (fact?.run === undefined) taskDone(run, task)
  }
  if (outcome === 'HALT') run.verdict = 'halted'
  if (outcome === 'EXIT') run.verdict = 'exited'
  if (outcome === 'RETRY') run.failed.set(task, end)
  if (outcome === 'REBOOT') run.reboot = { task, asked: false }
}

/** A chain that begins again has done nothing, and no failure of before counts any more. */
function takeWait(run: RunRecord, event: RecordedOf<'chain:waiting'>): void {
  if (event.counts === 'chain') {
    run.chain_try = event.try_num
    run.done = []
    run.skipped.clear()
    for (const facts of [run.task_tries, run.failed, run.waits]) facts.clear()
  } else {
    run.done = run.done.filter(task => task !== event.next_task)
    run.skipped.delete(event.next_task)
    run.failed.delete(event.task)
    run.task_tries.set(event.next_task, event.try_num)
  }
  run.waits.set(event.next_task, event)
  run.sleeps.push(event)
}

/** The try or hook of an event that has not ended yet. */
function openOf<T extends TryRecord | HookRecord>(records: readonly T[], ref: Ref): T | undefined {
  return records.findLast(({ started, ended }) => ended === undefined && sameTry(started, ref))
}

function taskDone(run: RunRecord, task: string): void {
  if (!run.done.includes(task)) run.done.push(task)
  run.begun.delete(task)
  run.task_tries.delete(task)
}

type Ref = TryRef & { hook?: HookRef['hook'] }

function sameTry(a: Ref, b: Ref): boolean {
  return a.task === b.task && a.kind === b.kind && a.try_num === b.try_num && a.hook === b.hook
}
