import { statfsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { HookRef, NoticeReason, TryEnd, TryRef } from '../event.ts'
import { statsOf } from '../hooks/stats.ts'
import { runHook } from '../hooks/task-hook.ts'
import { logFileName, type RunDir, removeOldRuns } from '../journal/files.ts'
import { LogFile } from '../process/log-file.ts'
import { Outputs } from '../process/output.ts'
import { runProcess } from '../process/run-process.ts'
import { errorText } from '../result.ts'
import { taskName } from './names.ts'
import type { PlannedTask } from './prepare.ts'
import type { RunOptions } from './run.ts'
import { runTry } from './task.ts'

export interface TriesOptions extends Omit<RunOptions, 'resume' | 'partial' | 'haltAfter'> {
  /** Resolves when the journal is on the disk. */
  flush(): Promise<void>
}

/** The tries of one run, with their hooks and logs, its halt task, and its reboot. */
export class Tries implements Disposable {
  readonly runId: number
  readonly #options: TriesOptions
  readonly #dir: string | undefined
  /** Of the directory: under its name there may be another one's by and by. */
  readonly #inode: number | undefined
  readonly #taskDir: string
  readonly #outputs: Outputs
  readonly #said = new Set<NoticeReason>()
  /** Logs into which somebody may still write. */
  readonly #open = new Map<LogFile, TryRef | HookRef>()
  #logs = 0

  constructor(options: TriesOptions, runDir: RunDir | undefined, taskDir: string) {
    this.#options = options
    this.#taskDir = taskDir
    this.runId = runDir?.id ?? 0
    this.#dir = runDir?.path
    this.#inode = runDir?.inode
    this.#outputs = new Outputs(runDir?.path ?? options.temporary)
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

  /** Asks the system for a reboot; resolves to what went wrong, if anything did. */
  async reboot(task: string, reboots: number): Promise<string | undefined> {
    const { configuration, edges, env, emit, stop, hurry, flush } = this.#options
    const { reboot_command, max_reboots, hook_time, kill_grace, log_limit } = configuration.runner
    const [command, ...args] = reboot_command
    if (command === undefined) return 'there is no reboot_command any more'
    emit({ event: 'reboot:asked', task, reboots, max_reboots, command: reboot_command.join(' ') })
    await flush()
    const log = this.#log(task, 'reboot', log_limit)
    const watch = { limit: hook_time, grace: kill_grace, clock: edges.clock, stop, hurry }
    const start = { command, args, env }
    const { why, exit } = await runProcess({ start, watch, log, outputs: this.#outputs })
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
    settings: PlannedTask['settings'] | RunOptions['configuration']['runner'],
    canReboot: boolean,
  ): Promise<TryEnd> {
    const { edges, emit, stop, hurry } = this.#options
    const { log_limit } = this.#options.configuration.runner
    const log = this.#log(ref.task, String(ref.try_num), log_limit)
    const output = { log, outputs: this.#outputs, onClosed: this.#closer(log, ref) }
    return runTry({
      ref,
      path,
      settings,
      canReboot,
      env: this.#env(ref),
      emit,
      edges,
      stop,
      hurry,
      ...output,
    })
  }

  /** To be called when nobody can write into a log any more. */
  #closer(log: LogFile, ref: TryRef | HookRef): () => void {
    this.#open.set(log, ref)
    return () => this.#close(log)
  }

  #close(log: LogFile): void {
    const ref = this.#open.get(log)
    if (ref === undefined) return
    this.#open.delete(log)
    const bytes = log.close()
    if (bytes > 0) this.#options.emit({ event: 'output:late', ...ref, bytes })
  }

  async #hook(hook: HookRef['hook'], of: TryRef, task: PlannedTask, end?: TryEnd): Promise<void> {
    const { configuration, edges, emit, stop, hurry } = this.#options
    const { task_hook, hook_time, kill_grace, log_limit, compatible } = configuration.runner
    if (task_hook.length === 0) return
    const ref: HookRef = { ...of, hook }
    const log = this.#log(of.task, `${of.try_num}.${hook}-hook`, log_limit)
    const after = end === undefined ? undefined : { end, runId: this.runId }
    await runHook({
      ref,
      command: task_hook,
      stats: statsOf(of, task.settings.max_tries, compatible, after),
      env: this.#env(of),
      limit: hook_time,
      grace: kill_grace,
      // The post hook tells of an interruption too: only a second signal ends it.
      stop: hook === 'pre' ? stop : hurry,
      ...{ log, outputs: this.#outputs, onClosed: this.#closer(log, ref), emit, edges, hurry },
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

  #log(file: string, suffix: string, limit: number): LogFile {
    const name = logFileName(++this.#logs, file, suffix)
    const path = this.#dir !== undefined && this.#hasRoom(this.#dir) ? join(this.#dir, name) : undefined
    return new LogFile(path, limit, error => this.#loseLogs(errorText(error)))
  }

  /** Whether enough of the disk is free to keep more; old runs go first. */
  #hasRoom(dir: string): boolean {
    const { min_free } = this.#options.configuration.runner
    const isEnough = () => {
      const { bavail, bsize } = statfsSync(dir)
      return bavail * bsize >= min_free
    }
    try {
      if (statSync(dir).ino !== this.#inode) throw new Error('it has been removed or moved')
      if (isEnough()) return true
      removeOldRuns(dirname(dirname(dir)), 1, this.#taskDir)
      if (isEnough()) return true
    } catch (error) {
      this.#loseLogs(errorText(error))
      return false
    }
    this.#loseLogs(`less than min_free (${min_free} bytes) is free on its disk`)
    return false
  }

  #loseLogs(why: string): void {
    if (this.#said.has('log-lost')) return
    this.#said.add('log-lost')
    const message = `output is shown, but no longer kept in ${this.#dir}: ${why}`
    this.#options.emit({ event: 'notice', reason: 'log-lost', message })
  }

  /** To be called at the end of the run: stops reading what is still written, and closes all logs. */
  finish(): void {
    this.#outputs[Symbol.dispose]()
    for (const log of [...this.#open.keys()]) this.#close(log)
  }

  [Symbol.dispose](): void {
    this.finish()
  }
}
