import type { HookRef, TryEnd, TryRef } from '../event.ts'
import { statsOf } from '../hooks/stats.ts'
import { runHook } from '../hooks/task-hook.ts'
import type { RunDir } from '../journal/files.ts'
import { runProcess } from '../process/run-process.ts'
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

  constructor(options: TriesOptions, runDir: RunDir | undefined, taskDir: string) {
    this.#options = options
    this.runId = runDir?.id ?? 0
    this.#logs = new RunLogs(options, runDir, taskDir)
  }

  /** One try with its hooks; undefined when the run was stopped before the task began. */
  async attempt(task: PlannedTask, tryNum: number): Promise<TryEnd | undefined> {
    const ref: TryRef = { task: task.file, name: task.name, kind: 'task', try_num: tryNum }
    await this.#hook('pre', ref, task)
    if (this.#options.stop.aborted) return undefined
    const canReboot = this.#options.configuration.runner.reboot_command.length > 0
    const end = await this.#try(ref, task.path, task.settings, canReboot)
    await this.#hook('post', ref, task, end)
    return end
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

  #try(ref: TryRef, path: string, settings: TryContext['settings'], canReboot: boolean): Promise<TryEnd> {
    const { edges, emit, stop, hurry } = this.#options
    const log = this.#logs.make(ref.task, String(ref.try_num))
    return runTry({
      ref,
      path,
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
