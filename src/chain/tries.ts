import type { HookEnd, HookRef, ResumeFact, TryEnd, TryRef } from '../event.ts'
import { statsOf } from '../hooks/stats.ts'
import { runHook } from '../hooks/task-hook.ts'
import type { RunDir } from '../journal/files.ts'
import { runProcess } from '../process/run-process.ts'
import { mayBeSkipped } from './conditions.ts'
import type { Gatekeeper } from './gatekeeper.ts'
import { taskName } from './names.ts'
import type { PlannedTask } from './planned-task.ts'
import { RunLogs } from './run-logs.ts'
import type { RunOptions } from './run-options.ts'
import { runTry, type TryContext } from './task.ts'

export interface TriesOptions extends Omit<RunOptions, 'resume' | 'partial' | 'haltAfter'> {
  /** Resolves when the journal is on the disk. */
  flush(): Promise<void>
}

/** The tries of one run with their hooks, its halt task, and its reboot. */
export class Tries implements Disposable {
  readonly runId: number
  readonly #options: TriesOptions
  readonly #logs: RunLogs
  readonly #taskDir: string
  /** The tasks that have begun and are not done. */
  readonly #begun: Set<string>
  /** The tasks that were skipped and have not begun since. */
  readonly skipped: Set<string>
  #gatekeeper: Gatekeeper | undefined

  constructor(
    options: TriesOptions,
    runDir: RunDir | undefined,
    taskDir: string,
    resumes?: Pick<ResumeFact, 'begun' | 'skipped'>,
  ) {
    this.#options = options
    this.#taskDir = taskDir
    this.#begun = new Set(resumes?.begun)
    this.skipped = new Set(resumes?.skipped?.map(({ task }) => task))
    this.runId = runDir?.id ?? 0
    this.#logs = new RunLogs(options, runDir, taskDir)
  }

  /**
   * One try with its hooks, unless the task is skipped; undefined when the run was stopped before the task
   * began. A task that has begun is not asked for its conditions again until it is done.
   */
  async attempt(task: PlannedTask, tryNum: number): Promise<TryEnd | 'skipped' | undefined> {
    const ref: TryRef = { task: task.file, name: task.name, kind: 'task', try_num: tryNum }
    const gatekeeper = mayBeSkipped(task.settings) ? await this.#gatekeeperOf() : undefined
    const answer = this.#begun.has(task.file) ? undefined : await gatekeeper?.ask(task, ref)
    if (this.#options.stop.aborted && gatekeeper !== undefined) return undefined
    if (answer === 'skipped') {
      this.skipped.add(task.file)
      return answer
    }
    await this.#hook('pre', ref, task)
    if (this.#options.stop.aborted) return undefined
    const canReboot = this.#options.configuration.runner.reboot_command.length > 0
    this.#begun.add(task.file)
    this.skipped.delete(task.file)
    const begun = answer === undefined ? gatekeeper?.begin(task) : undefined
    const end = await this.#try(ref, task.path, task.settings, canReboot, answer?.refusal)
    const isDone = end.outcome === 'OK' || end.outcome === 'REBOOT'
    if (isDone || end.failure?.reason === 'not-started') this.#begun.delete(task.file)
    if (isDone) gatekeeper?.succeeded(task, begun, this.runId)
    await this.#hook('post', ref, task, end)
    return end
  }

  /** Loaded for the first task that may be skipped. */
  async #gatekeeperOf(): Promise<Gatekeeper> {
    const { Gatekeeper } = await import('./gatekeeper.ts')
    this.#gatekeeper ??= new Gatekeeper({
      ...this.#options,
      taskDir: this.#taskDir,
      condition: (ref, command) => this.#condition(ref, command),
    })
    return this.#gatekeeper
  }

  /** Runs a condition_command, as a hook is run. */
  async #condition(of: TryRef, command: readonly string[]): Promise<HookEnd> {
    const { configuration, edges, emit, stop, hurry } = this.#options
    const { hook_time, kill_grace } = configuration.runner
    const ref: HookRef = { ...of, hook: 'condition' }
    const log = this.#logs.make(of.task, `${of.try_num}.condition`)
    const onClosed = this.#logs.keepOpen(log, ref)
    const common = { log, outputs: this.#logs.outputs, onClosed, emit, edges, stop, hurry }
    return await runHook({ ref, command, env: this.#env(of), limit: hook_time, grace: kill_grace, ...common })
  }

  /** Runs the halt task, if there is one and nobody has asked to stop. */
  async halt(): Promise<void> {
    const { chain, configuration, emit, stop } = this.#options
    if (stop.aborted) return
    await this.#options.flush()
    if (chain.halt === undefined) {
      const message = `no halt task: there is no ${configuration.runner.halt_task} in ${chain.directory}`
      emit({ event: 'notice', reason: 'no-halt-task', message })
      return
    }
    const { file, path } = chain.halt
    const ref: TryRef = { task: file, name: taskName(file), kind: 'halt', try_num: 1 }
    await this.#try(ref, path, configuration.runner, false)
  }

  /** Asks the system for a reboot; resolves to the problem, if there was one. */
  async reboot(task: string, reboots: number): Promise<string | undefined> {
    const { configuration, edges, env, emit, stop, hurry, flush } = this.#options
    const { reboot_command, max_reboots, hook_time, kill_grace } = configuration.runner
    const [command, ...args] = reboot_command
    if (command === undefined) return 'there is no reboot_command any more'
    emit({ event: 'reboot:asked', task, reboots, max_reboots, command: reboot_command.join(' ') })
    await flush()
    const log = this.#logs.make(task, 'reboot')
    const watch = { limit: hook_time, grace: kill_grace, clock: edges.clock, stop, hurry }
    const start = { command, args, env }
    const { why, exit } = await runProcess({ start, watch, log, outputs: this.#logs.outputs })
    log.close()
    if (why === 'stop' || (exit.kind === 'exited' && exit.code === 0)) return undefined
    const last = log.lastLines(1).map(line => `: ${line}`)
    if (exit.kind === 'not-started') return `reboot_command could not be started: ${exit.message}`
    if (why === 'limit') return `reboot_command ran longer than ${hook_time} s${last}`
    const status = exit.kind === 'exited' ? `ended with status ${exit.code}` : `was ended by ${exit.signal}`
    return `reboot_command ${status}${last}`
  }

  #try(
    ref: TryRef,
    path: string,
    settings: TryContext['settings'],
    canReboot: boolean,
    refusal?: string,
  ): Promise<TryEnd> {
    const { edges, emit, stop, hurry } = this.#options
    const log = this.#logs.make(ref.task, String(ref.try_num))
    return runTry({
      ref,
      path,
      refusal,
      settings,
      canReboot,
      env: this.#env(ref),
      log,
      outputs: this.#logs.outputs,
      onClosed: this.#logs.keepOpen(log, ref),
      emit,
      edges,
      stop,
      hurry,
    })
  }

  async #hook(hook: HookRef['hook'], of: TryRef, task: PlannedTask, end?: TryEnd): Promise<void> {
    const { configuration, edges, emit, stop, hurry } = this.#options
    const { task_hook, hook_time, kill_grace, compatible } = configuration.runner
    if (task_hook.length === 0) return
    const ref: HookRef = { ...of, hook }
    const log = this.#logs.make(of.task, `${of.try_num}.${hook}-hook`)
    const after = end === undefined ? undefined : { end, runId: this.runId }
    await runHook({
      ref,
      command: task_hook,
      stats: statsOf(of, task.settings.max_tries, compatible, after),
      env: this.#env(of),
      limit: hook_time,
      grace: kill_grace,
      log,
      outputs: this.#logs.outputs,
      onClosed: this.#logs.keepOpen(log, ref),
      emit,
      edges,
      // The post hook runs after an interruption too: only a second signal ends it.
      stop: hook === 'pre' ? stop : hurry,
      hurry,
    })
  }

  #env(ref: TryRef): NodeJS.ProcessEnv {
    return {
      ...this.#options.env,
      RUNNER_TASK: ref.name,
      RUNNER_TASK_FILE: ref.task,
      RUNNER_TRY: String(ref.try_num),
      RUNNER_RUN_ID: String(this.runId),
    }
  }

  /** Stops reading output, and closes all logs. A second call does nothing. */
  [Symbol.dispose](): void {
    this.#logs[Symbol.dispose]()
  }
}
