import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Event, HookRef, SkipFact, TryEnd, TryRef } from '../event.ts'
import { defined, errorCode, errorText, fail, ok, type Result } from '../result.ts'
import { journalFile, lostFile } from './writer.ts'

/** An event of the journal. */
export type Recorded = Event & { at: string }
type RecordedOf<Name extends Event['event']> = Extract<Event, { event: Name }> & { at: string }

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
  /** The number of the next try of one task, where that counts by itself. */
  task_try?: { task: string; try_num: number }
  /** The last try, which has failed, while nothing has followed from that yet. */
  failed?: TryRef & TryEnd
  waiting?: RecordedOf<'chain:waiting'>
  /** The task that asked for a reboot, and whether the reboot was asked of the system. */
  reboot?: { task: string; asked: boolean }
  /** The result of the chain after its last task, whether or not the end of the run is on record. */
  verdict?: 'halted' | 'exited' | 'gave-up'
  ended?: RecordedOf<'run:ended'>
  /** The time of the last event. */
  last_at: string
  notices: string[]
}

/** The reason why a run has no record, and its task directory, if that is known. */
export interface Unreadable {
  /** The run had not begun, so it has done nothing. */
  begun: boolean
  message: string
  taskDir?: string
  /** The readable part of the record. */
  rest?: RunRecord
}

/** Reads the journal of a run. A last line that is half written is not an error. */
export function readRun(runDir: string): Result<RunRecord, Unreadable> {
  let text: string
  try {
    text = readFileSync(join(runDir, journalFile), 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return fail(withoutJournal(runDir))
    return fail({ begun: true, message: `its journal cannot be read: ${errorText(error)}` })
  }
  const lines = text.split('\n')
  // The text after the last line feed is empty, or was being written when the process ended.
  lines.pop()
  if (lines.length === 0) return fail({ begun: false, message: 'it had not begun' })
  const [first, ...rest] = lines.map(parse)
  if (!isBeginning(first))
    return fail({ begun: true, message: 'line 1 of its journal is not the beginning of a run' })
  const taskDir = first.task_dir
  if (first.format !== 1) {
    const message = `its journal has format ${first.format}; this version reads format 1`
    return fail({ begun: true, message, taskDir })
  }
  const broken = rest.indexOf(undefined)
  const run = fold(first, rest)
  if (broken === -1) return ok(run)
  return fail({
    begun: true,
    message: `line ${broken + 2} of its journal is not an event`,
    taskDir,
    rest: run,
  })
}

/**
 * The failure for a run without a journal, which may have been renamed because it could not be kept to the
 * end.
 */
function withoutJournal(runDir: string): Unreadable {
  try {
    const [first, ...rest] = readFileSync(join(runDir, lostFile), 'utf8').split('\n').map(parse)
    const known = isBeginning(first) ? { taskDir: first.task_dir, rest: fold(first, rest) } : {}
    return { begun: true, message: 'its record was lost on the way', ...known }
  } catch {
    return { begun: false, message: 'it had not begun' }
  }
}

function isBeginning(event: Recorded | undefined): event is RecordedOf<'run:started'> {
  return (
    event?.event === 'run:started' &&
    typeof event.task_dir === 'string' &&
    typeof event.boot_id === 'string' &&
    typeof event.run_id === 'number' &&
    Array.isArray(event.tasks) &&
    event.tasks.every(task => typeof task?.task === 'string')
  )
}

function parse(line: string): Recorded | undefined {
  try {
    const value = JSON.parse(line)
    return typeof value.event === 'string' && !Number.isNaN(Date.parse(value.at)) ? value : undefined
  } catch {
    return undefined
  }
}

/** Folds events into a record, without those that cannot be read. */
function fold(started: RecordedOf<'run:started'>, events: readonly (Recorded | undefined)[]): RunRecord {
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
    ...defined({
      task_try: resumes?.task_try,
      failed: resumes?.failed,
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
  const atTry = run.tries.at(-1)
  const atHook = run.hooks.at(-1)
  switch (event.event) {
    case 'try:started':
      run.tries.push({ started: event, late_bytes: 0 })
      if (event.kind === 'task') run.begun.add(event.task)
      delete run.waiting
      delete run.failed
      break
    case 'try:running':
      if (atTry !== undefined) atTry.running = event
      break
    case 'try:ended':
      if (atTry !== undefined) atTry.ended = event
      if (event.kind === 'task') run.tried.set(event.task, (run.tried.get(event.task) ?? 0) + 1)
      if (event.failure?.reason === 'not-started') run.begun.delete(event.task)
      if (event.kind === 'task' && (event.outcome === 'OK' || event.outcome === 'REBOOT')) {
        // One that is not to run always is done when that is on record.
        const fact = run.started.tasks.find(({ task }) => task === event.task)
        if (fact?.run === undefined) taskDone(run, event.task)
      }
      if (event.kind === 'task' && event.outcome === 'HALT') run.verdict = 'halted'
      if (event.kind === 'task' && event.outcome === 'EXIT') run.verdict = 'exited'
      if (event.kind === 'task' && event.outcome === 'RETRY') {
        const { event: _, at: __, ...failed } = event
        run.failed = failed
      }
      if (event.outcome === 'REBOOT') run.reboot = { task: event.task, asked: false }
      break
    case 'hook:started':
      run.hooks.push({ started: event, late_bytes: 0 })
      delete run.waiting
      break
    case 'hook:running':
      if (atHook !== undefined) atHook.running = event
      break
    case 'hook:ended':
      if (atHook !== undefined) atHook.ended = event
      break
    case 'task:given-up':
      delete run.failed
      if (event.required) run.verdict = 'gave-up'
      else taskDone(run, event.task)
      break
    case 'task:done':
      taskDone(run, event.task)
      break
    case 'task:skipped': {
      const { event: _, at: __, ...fact } = event
      run.skipped.set(event.task, fact)
      delete run.waiting
      taskDone(run, event.task)
      break
    }
    case 'chain:waiting': {
      run.waiting = event
      delete run.failed
      const order = run.started.tasks.map(({ task }) => task)
      run.done = order.slice(0, order.indexOf(event.next_task))
      delete run.task_try
      for (const task of run.skipped.keys()) if (!run.done.includes(task)) run.skipped.delete(task)
      if (event.counts === 'chain') run.chain_try = event.try_num
      else run.task_try = { task: event.next_task, try_num: event.try_num }
      break
    }
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

function taskDone(run: RunRecord, task: string): void {
  if (!run.done.includes(task)) run.done.push(task)
  run.begun.delete(task)
  if (run.task_try?.task === task) delete run.task_try
}

type Ref = TryRef & { hook?: HookRef['hook'] }

function sameTry(a: Ref, b: Ref): boolean {
  return a.task === b.task && a.kind === b.kind && a.try_num === b.try_num && a.hook === b.hook
}
