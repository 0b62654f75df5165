import { realpathSync } from 'node:fs'
import type { Configuration, Setting } from '../config/load.ts'
import type { Edges } from '../edges.ts'
import type { Emit, Event, PlannedTaskFact, ResumeFact, RunEnd, TryEnd } from '../event.ts'
import { exitStatus } from '../exit-status.ts'
import type { Asides } from '../journal/asides.ts'
import { newRunDir, type RunDir, removeOldRuns, runPath } from '../journal/files.ts'
import { type LastRuns, lastRunsOf } from '../journal/last-run.ts'
import type { RunRecord } from '../journal/reader.ts'
import { decideResume, type ResumeFailure, type ResumePoint, rebootsBefore } from '../journal/resume.ts'
import { openHook, openTry, stateOf } from '../journal/runs.ts'
import { sha256OfFile } from '../journal/verify.ts'
import { type Journal, openJournal } from '../journal/writer.ts'
import { Outputs } from '../process/output.ts'
import { endTree, startTicks } from '../process/tree.ts'
import { errorText, type Result } from '../result.ts'
import { type ChainEnd, runChain } from './chain.ts'
import type { Chain } from './prepare.ts'
import { Tries } from './tries.ts'

/** One run of a chain, and what it needs. */
export interface RunOptions {
  chain: Chain
  configuration: Configuration
  /** The state directory; undefined where none can be had. */
  state: string | undefined
  /** A directory for what lives only as long as the run, should the state directory fail. */
  temporary: string
  /** The environment of tasks and hooks, less what changes from try to try. */
  env: NodeJS.ProcessEnv
  /** Of the kernel: another one is another boot. */
  bootId: string
  /** Only some of the tasks were asked for. */
  partial: boolean
  /** Go on with the last run, if that can be done. */
  resume: boolean
  /** Run the halt task after success. */
  haltAfter: boolean
  edges: Edges
  emit: Emit
  /** Shows what is on record already: no metrics count it again. */
  tell: Emit
  /** The process that held the lock before and was killed, in this boot. */
  killedProcess?: number
  /** Gets the journal of the run. */
  asides: Asides
  /** Ends the run; its reason is the signal that asked for it. */
  stop: AbortSignal
  /** Ends all patience. */
  hurry: AbortSignal
}

/** Runs the chain once, or goes on with its last run; resolves to its exit status. */
export async function runOnce(options: RunOptions): Promise<number> {
  const { chain, state, edges, bootId, partial } = options
  const begun = edges.clock.monotonic()
  const taskDir = realPath(chain.directory)
  const tasks = chain.tasks.map(planFact)
  const last = state === undefined ? {} : lastRunsOf(state, taskDir)
  // One of this process that has lost its record is over all the same.
  if (last.any !== undefined && isOwn(last.any, bootId)) delete last.any
  if (last.any !== undefined && stateOf(last.any) === 'running') return refuse(last.any, options)
  const crashed = last.problem === undefined && last.any?.ended === undefined ? last.any : undefined
  const decision = options.resume ? decide(last.whole, tasks, options) : undefined
  if (decision?.ok === false && decision.failure.reason === 'reboot-pending') {
    const message = `${decision.failure.message}; nothing is started`
    options.emit({ event: 'notice', reason: 'reboot-pending', message })
    return exitStatus.reboot
  }
  if (decision?.ok === false && decision.failure.reason === 'ended' && last.any !== undefined) {
    const status = unheardStatus(last.any, options)
    if (status !== undefined) return status
  }
  const point = decision?.ok ? decision.value : undefined
  const whole = last.whole?.ok ? last.whole.value : undefined
  const reboots = rebootsBefore(whole, bootId, point !== undefined)
  const { killed, notices } = await endLeftover(last, options)

  const runDir = openRun(options)
  const { emit, journal } = record(options, runDir)
  using tries = new Tries({ ...options, emit, flush: journal.flush }, runDir, taskDir)
  emit({
    event: 'run:started',
    format: 1,
    run_id: tries.runId,
    boot_id: bootId,
    pid: process.pid,
    start_ticks: startTicks(process.pid),
    ...(options.configuration.file === undefined ? {} : { config_file: options.configuration.file }),
    // Both stand before what may be long: files.ts looks for them at the beginning.
    ...(partial ? { partial } : {}),
    task_dir: taskDir,
    ...(runDir === undefined ? {} : { run_dir: runDir.path }),
    tasks,
    ...(crashed === undefined ? {} : { after_crash_of: crashed.started.run_id }),
    reboots,
    max_reboots: options.configuration.runner.max_reboots,
    ...known({ max_reboots_from: placeOf(options.configuration.texts.get('max_reboots')) }),
    ...(point === undefined ? {} : { resumes: { ...point, killed } }),
  })
  await options.asides.begin(journal)
  for (const notice of notices) emit(notice)
  if (decision?.ok === false) emit({ event: 'run:not-resumed', ...notResumed(decision.failure) })
  using _ = tellStops(options, emit)
  const end = await runToEnd({ ...options, emit }, tries, reboots, point)
  tries.finish()
  const exit_status = statusOf(end.reason, options.stop)
  emit({
    event: 'run:ended',
    run_id: tries.runId,
    reason: end.reason,
    exit_status,
    ...(end.task === undefined ? {} : { task: end.task }),
    tasks_done: end.done,
    duration_seconds: Math.round((edges.clock.monotonic() - begun) * 1000) / 1000,
    ...failureOf(end),
  })
  await journal.flush()
  if (state !== undefined) removeOldRuns(state, options.configuration.runner.keep_runs, taskDir)
  return exit_status
}

/** The lock has been lost or removed, but the last run still goes on. */
function refuse({ started }: RunRecord, { emit }: RunOptions): number {
  const message = `run ${started.run_id} is still under way, by process ${started.pid}; nothing is started`
  emit({ event: 'notice', reason: 'still-running', message })
  return exitStatus.locked
}

/**
 * The exit status of a run that had ended before its process was killed, so that nobody has heard it: the run is shown as
 * it ended, and is not run again. Undefined for any other run.
 */
function unheardStatus({ started, ended }: RunRecord, options: RunOptions): number | undefined {
  if (ended === undefined || started.partial || started.pid !== options.killedProcess) return undefined
  const message = `run ${started.run_id} had ended before its process was killed; it is not run again`
  for (const event of [started, { event: 'notice', reason: 'already-ended', message }, ended] as const)
    options.tell(event)
  return ended.exit_status
}

/** A path without links, or as it is where it leads nowhere. */
export function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}

/** Tells of each wish to stop while the run goes on. */
function tellStops({ stop, hurry }: RunOptions, emit: Emit): Disposable {
  const over = new AbortController()
  for (const [signal, immediately] of [
    [stop, false],
    [hurry, true],
  ] as const) {
    const tell = () => void emit({ event: 'run:stopping', signal: signal.reason as string, immediately })
    if (signal.aborted) tell()
    else signal.addEventListener('abort', tell, { once: true, signal: over.signal })
  }
  return { [Symbol.dispose]: () => over.abort() }
}

/** The chain, and what follows from its end: the reboot, and the halt task that was asked for. */
async function runToEnd(
  options: RunOptions,
  tries: Tries,
  reboots: number,
  resume: ResumePoint | undefined,
): Promise<ChainEnd> {
  const { configuration, emit, stop } = options
  const end = await runTasks(options, tries, resume)
  if (end.reason === 'succeeded' && options.haltAfter) {
    await tries.halt()
    return stop.aborted ? { ...end, reason: 'interrupted' } : end
  }
  if (end.reason !== 'reboot') return end
  const { max_reboots } = configuration.runner
  const problem =
    reboots >= max_reboots
      ? `the chain has been rebooted ${reboots} times in a row (max_reboots)`
      : await tries.reboot(end.task!, reboots + 1)
  if (problem === undefined) return end
  emit({ event: 'notice', reason: 'no-reboot', message: `no reboot for ${end.task}: ${problem}` })
  await tries.halt()
  return { ...end, reason: stop.aborted ? 'interrupted' : 'gave-up' }
}

/** The tasks, unless the run that is gone on with had only its reboot left to ask for. */
async function runTasks(
  options: RunOptions,
  tries: Tries,
  resume: ResumePoint | undefined,
): Promise<ChainEnd> {
  const { chain, configuration, edges, emit, stop } = options
  if (resume?.reboot !== undefined) return { reason: 'reboot', done: resume.done.length, task: resume.reboot }
  return await runChain(
    {
      tasks: chain.tasks,
      retry_from: configuration.runner.retry_from,
      ...(resume === undefined ? {} : { resume }),
    },
    {
      attempt: (task, tryNum) => tries.attempt(task, tryNum),
      halt: () => tries.halt(),
      clock: edges.clock,
      random: edges.chance.random,
      emit,
      stop,
    },
  )
}

function planFact({ file, name, path, settings, texts }: Chain['tasks'][number]): PlannedTaskFact {
  const facts = {
    sha256: sha256OfFile(path),
    max_time_from: placeOf(texts.get('max_time')),
    max_tries_from: placeOf(texts.get('max_tries')),
  }
  return { task: file, name, max_tries: settings.max_tries, ...known(facts) }
}

function placeOf(setting: Setting | undefined): string | undefined {
  const origin = setting?.origin
  return origin === undefined ? undefined : `${origin.file}:${origin.line}`
}

/** Less what is undefined. */
function known<Key extends string>(facts: Record<Key, string | undefined>): { [key in Key]?: string } {
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as {
    [key in Key]?: string
  }
}

function decide(
  last: Result<RunRecord, string> | undefined,
  tasks: readonly PlannedTaskFact[],
  { configuration, bootId }: RunOptions,
): Result<ResumePoint, ResumeFailure> {
  if (last?.ok === false) return { ok: false, failure: { reason: 'unreadable', message: last.failure } }
  const { resume_across_boots } = configuration.runner
  return decideResume(last?.value, { boot_id: bootId, tasks, resume_across_boots })
}

function notResumed(failure: ResumeFailure) {
  return {
    reason: failure.reason as Exclude<ResumeFailure['reason'], 'reboot-pending'>,
    message: failure.message,
  }
}

/** Ends what a run that crashed in this boot has left of its last try or hook, and removes its FIFOs. */
async function endLeftover(
  { any: last, problem, unknown }: LastRuns,
  { state, bootId, configuration, edges, hurry }: RunOptions,
): Promise<{ killed: ResumeFact['killed']; notices: Event[] }> {
  if (state === undefined) return { killed: [], notices: [] }
  const doubt = (id: number, why: string) =>
    leftOver(`run ${id}: ${why}; something of it may be left, and still run`)
  const notices = unknown === undefined ? [] : [doubt(unknown.id, unknown.problem)]
  if (last === undefined || last.ended !== undefined) return { killed: [], notices }
  Outputs.sweep(runPath(state, last.started.run_id))
  if (last.started.boot_id !== bootId) return { killed: [], notices }
  if (problem !== undefined) notices.push(doubt(last.started.run_id, problem))
  const open = openHook(last) ?? openTry(last)
  if (open === undefined) return { killed: [], notices }
  const { started, running } = open
  const id = 'hook_id' in started ? started.hook_id : started.try_id
  const leader = running === undefined ? {} : { leader: running.pid, leaderStarted: running.start_ticks }
  const grace = configuration.runner.kill_grace
  const end = { signal: 'SIGTERM', grace, clock: edges.clock, hurry } as const
  const { killed, survivors } = await endTree({ id, ...leader }, end)
  const names = (facts: typeof killed) =>
    facts.map(({ pid, command }) => `${command} (pid ${pid})`).join(', ')
  const run = `run ${last.started.run_id}, which had crashed,`
  const messages = [
    ...(killed.length > 0 ? [`ended what ${run} had left: ${names(killed)}`] : []),
    ...(survivors.length > 0 ? [`still alive of ${run}: ${names(survivors)}`] : []),
  ]
  return { killed, notices: [...notices, ...messages.map(leftOver)] }
}

function leftOver(message: string): Event {
  return { event: 'notice', reason: 'left-over', message }
}

/** Whether it was a run of this very process. */
function isOwn({ started: { boot_id, pid, start_ticks } }: RunRecord, bootId: string): boolean {
  return boot_id === bootId && pid === process.pid && start_ticks === startTicks(pid)
}

function openRun({ state, emit }: RunOptions): RunDir | undefined {
  if (state === undefined) return undefined
  try {
    return newRunDir(state)
  } catch (error) {
    emit({ event: 'notice', reason: 'state-lost', message: `this run keeps no record: ${errorText(error)}` })
    return undefined
  }
}

/** Joins the journal to those who hear of events: it hears of each first. */
function record(options: RunOptions, runDir: RunDir | undefined): { emit: Emit; journal: Journal } {
  const { emit, edges } = options
  const lose = (error: unknown) => {
    const message = `this run keeps no record any more, and cannot be resumed: ${errorText(error)}`
    emit({ event: 'notice', reason: 'state-lost', message })
  }
  let journal: Journal = noJournal
  try {
    if (runDir !== undefined) journal = openJournal(runDir.path, edges.clock, lose)
  } catch (error) {
    lose(error)
  }
  const both = (event: Event) => {
    journal.write(event)
    return emit(event)
  }
  return { emit: both, journal }
}

const noJournal: Journal = { write() {}, async flush() {}, async [Symbol.asyncDispose]() {} }

function statusOf(reason: RunEnd, stop: AbortSignal): number {
  switch (reason) {
    case 'succeeded':
      return exitStatus.ok
    case 'gave-up':
      return exitStatus.gaveUp
    case 'halted':
      return exitStatus.halted
    case 'exited':
      return exitStatus.exited
    case 'reboot':
      return exitStatus.reboot
    case 'interrupted':
      return exitStatus.interrupted[stop.reason as 'SIGINT' | 'SIGTERM']
  }
}

function failureOf({ reason, end }: ChainEnd): {
  failure?: Pick<TryEnd, 'exit_code' | 'signal' | 'failure' | 'last_lines'>
} {
  if (end === undefined || reason === 'reboot') return {}
  const { exit_code, signal, failure, last_lines } = end
  return {
    failure: {
      ...(exit_code === undefined ? {} : { exit_code }),
      ...(signal === undefined ? {} : { signal }),
      ...(failure === undefined ? {} : { failure }),
      last_lines,
    },
  }
}
