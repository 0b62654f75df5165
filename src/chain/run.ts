import { readFileSync } from 'node:fs'
import type { Configuration } from '../config/load.ts'
import type { Edges } from '../edges.ts'
import type { Emit, Event, PlannedTaskFact, ResumeFact, RunEnd, TryEnd } from '../event.ts'
import { exitStatus } from '../exit-status.ts'
import { newRunDir, type RunDir, removeOldRuns, runPath } from '../journal/files.ts'
import { lastRunOf } from '../journal/last-run.ts'
import type { RunRecord } from '../journal/reader.ts'
import { decideResume, type ResumeFailure, type ResumePoint } from '../journal/resume.ts'
import { openTry } from '../journal/runs.ts'
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
  /** Go on with the last run, if that can be done. */
  resume: boolean
  /** Run the halt task after success. */
  haltAfter: boolean
  edges: Edges
  emit: Emit
  /** Ends the run; its reason is the signal that asked for it. */
  stop: AbortSignal
  /** Ends all patience. */
  hurry: AbortSignal
}

/** Runs the chain once, or goes on with its last run; resolves to its exit status. */
export async function runOnce(options: RunOptions): Promise<number> {
  const { chain, state, edges, bootId } = options
  const begun = edges.clock.monotonic()
  const tasks = chain.tasks.map(planFact)
  const last = state === undefined ? undefined : lastRunOf(state, chain.directory)
  const decision = options.resume ? decide(last, tasks, options) : undefined
  if (decision?.ok === false && decision.failure.reason === 'reboot-pending')
    return await awaitReboot(decision.failure, options)
  const point = decision?.ok ? decision.value : undefined
  const killed = last?.ok ? await endLeftover(last.value, options) : []

  const runDir = openRun(options)
  const recorded = record(options, runDir)
  await using journal = recorded.journal
  const { emit } = recorded
  using tries = new Tries({ ...options, emit, flush: journal.flush }, runDir)
  emit({
    event: 'run:started',
    format: 1,
    run_id: tries.runId,
    boot_id: bootId,
    pid: process.pid,
    start_ticks: startTicks(process.pid),
    ...(options.configuration.file === undefined ? {} : { config_file: options.configuration.file }),
    task_dir: chain.directory,
    ...(runDir === undefined ? {} : { run_dir: runDir.path }),
    tasks,
    ...(point === undefined ? {} : { resumes: { ...point, killed } }),
  })
  if (decision?.ok === false) emit({ event: 'run:not-resumed', ...notResumed(decision.failure) })
  const end = await runToEnd({ ...options, emit }, tries, rebootsBefore(last, point, bootId), point)
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
  if (state !== undefined) removeOldRuns(state, options.configuration.runner.keep_runs)
  return exit_status
}

/** The chain, and what follows from its end: the reboot, and the halt task that was asked for. */
async function runToEnd(
  options: RunOptions,
  tries: Tries,
  rebootsBefore: number,
  resume: ResumePoint | undefined,
): Promise<ChainEnd> {
  const { chain, configuration, edges, emit, stop } = options
  const end = await runChain(
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
  if (end.reason === 'succeeded' && options.haltAfter) {
    await tries.halt()
    return stop.aborted ? { ...end, reason: 'interrupted' } : end
  }
  if (end.reason !== 'reboot') return end
  const { max_reboots } = configuration.runner
  const problem =
    rebootsBefore >= max_reboots
      ? `the chain has been rebooted ${rebootsBefore} times (max_reboots)`
      : await tries.reboot(end.task!, rebootsBefore + 1)
  if (problem === undefined) return end
  emit({ event: 'notice', reason: 'no-reboot', message: `no reboot for ${end.task}: ${problem}` })
  await tries.halt()
  return { ...end, reason: stop.aborted ? 'interrupted' : 'gave-up' }
}

function planFact({ file, name, path, texts }: Chain['tasks'][number]): PlannedTaskFact {
  const from = (key: string) => {
    const origin = texts.get(key)?.origin
    return origin === undefined ? undefined : `${origin.file}:${origin.line}`
  }
  const facts = { sha256: sha256Of(path), max_time_from: from('max_time'), max_tries_from: from('max_tries') }
  const known = Object.entries(facts).filter(([, value]) => value !== undefined)
  return { task: file, name, ...Object.fromEntries(known) }
}

function sha256Of(path: string): string | undefined {
  try {
    return process.getBuiltinModule('node:crypto').hash('sha256', readFileSync(path), 'hex')
  } catch {
    return undefined
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

/** How many reboots in a row the chain has had: those of the run that is gone on with, or that asked last. */
function rebootsBefore(
  last: Result<RunRecord, string> | undefined,
  point: ResumePoint | undefined,
  bootId: string,
): number {
  if (point !== undefined) return point.reboots
  if (last?.ok !== true || last.value.reboot === undefined || last.value.started.boot_id === bootId) return 0
  return (last.value.started.resumes?.reboots ?? 0) + 1
}

/** Starts nothing; asks for the reboot if the end came before that could be done. */
async function awaitReboot(
  failure: ResumeFailure & { reason: 'reboot-pending' },
  options: RunOptions,
): Promise<number> {
  options.emit({
    event: 'notice',
    reason: 'reboot-pending',
    message: `${failure.message}; nothing is started`,
  })
  if (failure.asked) return exitStatus.reboot
  using tries = new Tries({ ...options, flush: async () => {} }, undefined)
  const problem = await tries.reboot(failure.task, 1)
  if (problem === undefined) return exitStatus.reboot
  options.emit({ event: 'notice', reason: 'no-reboot', message: `no reboot for ${failure.task}: ${problem}` })
  return exitStatus.gaveUp
}

/** Ends what a run that crashed in this boot has left of its last try, and removes its FIFOs. */
async function endLeftover(last: RunRecord, options: RunOptions): Promise<ResumeFact['killed']> {
  const { state, bootId, configuration, edges, emit, hurry } = options
  if (last.ended !== undefined || state === undefined) return []
  Outputs.sweep(runPath(state, last.started.run_id))
  const open = openTry(last)
  if (open === undefined || last.started.boot_id !== bootId) return []
  const { started, running } = open
  const leader = running === undefined ? {} : { leader: running.pid, leaderStarted: running.start_ticks }
  const grace = configuration.runner.kill_grace
  const end = { signal: 'SIGTERM', grace, clock: edges.clock, hurry } as const
  const { killed, survivors } = await endTree({ tryId: started.try_id, ...leader }, end)
  const name = (facts: typeof killed) => facts.map(({ pid, command }) => `${command} (pid ${pid})`).join(', ')
  const run = `run ${last.started.run_id}, which had crashed,`
  if (killed.length > 0)
    emit({ event: 'notice', reason: 'left-over', message: `ended what ${run} had left: ${name(killed)}` })
  if (survivors.length > 0)
    emit({ event: 'notice', reason: 'left-over', message: `still alive of ${run}: ${name(survivors)}` })
  return killed
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
