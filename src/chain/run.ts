import { join } from 'node:path'
import type { Configuration } from '../config/load.ts'
import type { Edges } from '../edges.ts'
import type { Emit, NoticeReason, RunEnd, TryEnd, TryRef } from '../event.ts'
import { exitStatus } from '../exit-status.ts'
import { statsOf } from '../hooks/stats.ts'
import { runHook } from '../hooks/task-hook.ts'
import { logFileName, newRunDir, type RunDir, removeOldRuns } from '../journal/files.ts'
import { LogFile } from '../process/log-file.ts'
import { Outputs } from '../process/output.ts'
import { errorText } from '../result.ts'
import { type ChainEnd, runChain } from './chain.ts'
import { taskName } from './names.ts'
import type { Chain, PlannedTask } from './prepare.ts'
import { runTry } from './task.ts'

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
  /** Run the halt task after success. */
  haltAfter: boolean
  edges: Edges
  emit: Emit
  /** Ends the run; its reason is the signal that asked for it. */
  stop: AbortSignal
  /** Ends all patience. */
  hurry: AbortSignal
}

/** Runs the chain once; resolves to its exit status. */
export async function runOnce(options: RunOptions): Promise<number> {
  const { chain, configuration, edges, emit, stop } = options
  const begun = edges.clock.monotonic()
  const runDir = openRun(options)
  using run = new Run(options, runDir)
  emit({
    event: 'run:started',
    run_id: run.id,
    ...(configuration.file === undefined ? {} : { config_file: configuration.file }),
    task_dir: chain.directory,
    ...(runDir === undefined ? {} : { run_dir: runDir.path }),
    tasks: chain.tasks.map(({ file, name }) => ({ task: file, name })),
  })
  const end = await runChain(
    { tasks: chain.tasks, retry_from: configuration.runner.retry_from },
    {
      attempt: (task, tryNum) => run.attempt(task, tryNum),
      halt: () => run.halt(),
      clock: edges.clock,
      random: edges.chance.random,
      emit,
      stop,
    },
  )
  if (end.reason === 'succeeded' && options.haltAfter) {
    await run.halt()
    if (stop.aborted) end.reason = 'interrupted'
  }
  const exit_status = statusOf(end.reason, stop)
  emit({
    event: 'run:ended',
    run_id: run.id,
    reason: end.reason,
    exit_status,
    ...(end.task === undefined ? {} : { task: end.task }),
    tasks_done: end.done,
    duration_seconds: Math.round((edges.clock.monotonic() - begun) * 1000) / 1000,
    ...failureOf(end),
  })
  if (options.state !== undefined) removeOldRuns(options.state, configuration.runner.keep_runs)
  return exit_status
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
    case 'interrupted':
      return exitStatus.interrupted[stop.reason as 'SIGINT' | 'SIGTERM']
  }
}

function failureOf({ end }: ChainEnd): {
  failure?: Pick<TryEnd, 'exit_code' | 'signal' | 'failure' | 'last_lines'>
} {
  if (end === undefined) return {}
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

/** What the tries of one run share. */
class Run implements Disposable {
  readonly id: number
  readonly #options: RunOptions
  readonly #dir: string | undefined
  readonly #outputs: Outputs
  readonly #said = new Set<NoticeReason>()
  #logs = 0

  constructor(options: RunOptions, runDir: RunDir | undefined) {
    this.#options = options
    this.id = runDir?.id ?? 0
    this.#dir = runDir?.path
    this.#outputs = new Outputs(runDir?.path ?? options.temporary)
  }

  async attempt(task: PlannedTask, tryNum: number): Promise<TryEnd | undefined> {
    const ref: TryRef = { task: task.file, name: task.name, kind: 'task', try_num: tryNum }
    const { settings } = task
    await this.#hook('pre', ref, task)
    if (this.#options.stop.aborted) return undefined
    const end = await this.#try(ref, task.path, settings)
    await this.#hook('post', ref, task, end)
    return end
  }

  async halt(): Promise<void> {
    const { chain, configuration, emit, stop } = this.#options
    if (stop.aborted) return
    if (chain.halt === undefined) {
      const message = `no halt task: there is no ${configuration.runner.halt_task} in ${chain.directory}`
      emit({ event: 'notice', reason: 'no-halt-task', message })
      return
    }
    const { file, path } = chain.halt
    await this.#try(
      { task: file, name: taskName(file), kind: 'halt', try_num: 1 },
      path,
      configuration.runner,
    )
  }

  #try(
    ref: TryRef,
    path: string,
    settings: PlannedTask['settings'] | Configuration['runner'],
  ): Promise<TryEnd> {
    const { edges, emit, stop, hurry } = this.#options
    const { log_limit } = this.#options.configuration.runner
    const log = this.#log(ref.task, String(ref.try_num), log_limit)
    const env = this.#env(ref)
    return runTry({ ref, path, settings, env, log, outputs: this.#outputs, emit, edges, stop, hurry })
  }

  async #hook(phase: 'pre' | 'post', ref: TryRef, task: PlannedTask, end?: TryEnd): Promise<void> {
    const { configuration, edges, emit, stop, hurry } = this.#options
    const { task_hook, hook_time, kill_grace, log_limit } = configuration.runner
    if (task_hook.length === 0) return
    const log = this.#log(ref.task, `${ref.try_num}.${phase}-hook`, log_limit)
    const message = await runHook({
      phase,
      command: task_hook,
      stats: statsOf(ref, task.settings.max_tries, end === undefined ? undefined : { end, runId: this.id }),
      env: this.#env(ref),
      limit: hook_time,
      grace: kill_grace,
      outputs: this.#outputs,
      onOutput: data => emit({ event: 'hook:output', hook: phase, ...ref, data }),
      log,
      clock: edges.clock,
      // The post hook tells of an interruption too: only a second signal ends it.
      stop: phase === 'pre' ? stop : hurry,
      hurry,
    })
    if (message === undefined) return
    emit({ event: 'hook:failed', hook: phase, ...ref, message, last_lines: log.lastLines(5) })
  }

  #env(ref: TryRef): NodeJS.ProcessEnv {
    return {
      ...this.#options.env,
      RUNNER_TASK: ref.name,
      RUNNER_TASK_FILE: ref.task,
      RUNNER_TRY: String(ref.try_num),
      RUNNER_RUN_ID: String(this.id),
    }
  }

  #log(file: string, suffix: string, limit: number): LogFile {
    const path =
      this.#dir === undefined ? undefined : join(this.#dir, logFileName(++this.#logs, file, suffix))
    return new LogFile(path, limit, error => {
      if (this.#said.has('log-lost')) return
      this.#said.add('log-lost')
      const message = `the output of this run is no longer kept in ${this.#dir}: ${errorText(error)}`
      this.#options.emit({ event: 'notice', reason: 'log-lost', message })
    })
  }

  [Symbol.dispose](): void {
    this.#outputs[Symbol.dispose]()
  }
}
