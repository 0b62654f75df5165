import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { HookRef, TryRef } from '../event.ts'
import { logFileName, type RunDir, removeOldRuns } from '../journal/files.ts'
import { LogFile } from '../process/log-file.ts'
import { Outputs } from '../process/output.ts'
import { errorText } from '../result.ts'
import { diskSpace } from '../system/disk-free.ts'
import type { RunOptions } from './run-options.ts'

/**
 * The files in which one run keeps the output of its processes, and the FIFOs through which the output comes.
 */
export class RunLogs implements Disposable {
  readonly outputs: Outputs
  readonly #options: Pick<RunOptions, 'configuration' | 'emit'>
  readonly #dir: string | undefined
  /** The inode of the directory: a directory of another run may get its name later. */
  readonly #inode: number | undefined
  readonly #taskDir: string
  /** Logs into which a process may still write. */
  readonly #open = new Map<LogFile, TryRef | HookRef>()
  #count = 0
  #lost = false

  constructor(
    options: Pick<RunOptions, 'configuration' | 'emit' | 'temporary'>,
    runDir: RunDir | undefined,
    taskDir: string,
  ) {
    this.#options = options
    this.#taskDir = taskDir
    this.#dir = runDir?.path
    this.#inode = runDir?.inode
    this.outputs = new Outputs(runDir?.path ?? options.temporary)
  }

  /** The log of a new process, named for a person who looks for it; without a file where none can be kept. */
  make(task: string, suffix: string): LogFile {
    const name = logFileName(++this.#count, task, suffix)
    const path = this.#dir !== undefined && this.#hasRoom(this.#dir) ? join(this.#dir, name) : undefined
    const { log_limit } = this.#options.configuration.runner
    return new LogFile(path, log_limit, error => this.#lose(errorText(error)))
  }

  /**
   * Keeps a log open for processes that a try or a hook leaves. The caller calls the result when no process
   * can write into it.
   */
  keepOpen(log: LogFile, ref: TryRef | HookRef): () => void {
    this.#open.set(log, ref)
    return () => this.#close(log)
  }

  /** Stops reading output, and closes all logs. A second call does nothing. */
  [Symbol.dispose](): void {
    this.outputs[Symbol.dispose]()
    for (const log of [...this.#open.keys()]) this.#close(log)
  }

  #close(log: LogFile): void {
    const ref = this.#open.get(log)
    if (ref === undefined) return
    this.#open.delete(log)
    const bytes = log.close()
    if (bytes > 0) this.#options.emit({ event: 'output:late', ...ref, bytes })
  }

  /** Whether enough of the disk is free to keep more; old runs go first. */
  #hasRoom(dir: string): boolean {
    const { min_free } = this.#options.configuration.runner
    const isEnough = () => diskSpace(dir).free >= min_free
    try {
      if (statSync(dir).ino !== this.#inode) throw new Error('it has been removed or moved')
      if (isEnough()) return true
      removeOldRuns(dirname(dirname(dir)), 1, this.#taskDir)
      if (isEnough()) return true
    } catch (error) {
      this.#lose(errorText(error))
      return false
    }
    this.#lose(`less than min_free (${min_free} bytes) is free on its disk`)
    return false
  }

  /** Emits one notice for the whole run. */
  #lose(why: string): void {
    if (this.#lost) return
    this.#lost = true
    const message = `output is shown, but no longer kept in ${this.#dir}: ${why}`
    this.#options.emit({ event: 'notice', reason: 'log-lost', message })
  }
}
