/*
 * The files of a job that has ended, in its directory of the spool:
 *
 *   leaf/   its exchange directory, where no container reaches it; `trim` removes all of it but the log
 *   shelf   the path of the parked directory instead, if the spool is on another disk; the parked directory
 *           stays whole
 *   log     the job's log, after `trim`
 */
import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { basename, isAbsolute, join, normalize } from 'node:path'
import type { Clock } from '../../../edges.ts'
import { errorCode, errorText, fail, ok, type Result } from '../../../result.ts'
import { writeFirst } from '../../../system/durable-file.ts'
import { removeTree } from '../../../system/remove-tree.ts'
import { Notifier } from '../../../system/wait.ts'
import type { Failure, KeptFiles } from '../executor.ts'
import { type DirectoryIdentity, ExchangeDir } from '../handover/exchange-dir.ts'
import { readLog, sizeOf } from '../read-log.ts'

/** A log of more bytes is not copied. */
const mostCopied = 1024 ** 2

/** The end of the name of a parked directory. */
export const parkedName = (jobId: string) => `.ended.${jobId}`

export class DockerKeptFiles implements KeptFiles {
  readonly #directory: string
  readonly #identity: DirectoryIdentity | undefined
  readonly #clock: Clock

  /** `directory` is the job's directory in the spool, `identity` the identity of its exchange directory. */
  constructor(directory: string, identity: DirectoryIdentity | undefined, clock: Clock) {
    this.#directory = directory
    this.#identity = identity
    this.#clock = clock
  }

  /** The path of the kept or parked exchange directory. */
  get path(): string {
    const file = join(this.#directory, 'shelf')
    const path = existsSync(file) ? readFileSync(file, 'utf8') : ''
    // A path that was cut off in a crash would name another directory.
    const end = parkedName(basename(this.#directory))
    const isParked = isAbsolute(path) && basename(path).endsWith(end) && normalize(path) === path
    return isParked ? path : join(this.#directory, 'leaf')
  }

  /** Records that the exchange directory is parked at a path on its own disk. Throws system errors. */
  park(path: string): void {
    writeFirst(join(this.#directory, 'shelf'), path)
  }

  /** Opens the exchange directory; fails if a job has put another directory in its place. */
  open() {
    return ExchangeDir.open(this.path, this.#identity)
  }

  /** Whether the exchange directory is at `path`. */
  get isThere(): boolean {
    const opened = this.open()
    if (opened.ok) opened.value[Symbol.dispose]()
    return opened.ok
  }

  /**
   * Copies an open log, unless it is large: the job has moved its exchange directory away, so it cannot be
   * kept.
   */
  copyLog(fd: number): void {
    const path = join(this.#directory, 'log')
    if (fstatSync(fd).size > mostCopied) return
    try {
      copyFileSync(`/proc/self/fd/${fd}`, path)
    } catch {
      rmSync(path, { force: true })
    }
  }

  async *log(from: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const fd = this.#openLog()
    if (fd === undefined) return
    const changed = new Notifier()
    yield* readLog(fd, { from, isWhole: () => true, changed, clock: this.#clock, signal })
  }

  async logLength(): Promise<number> {
    const fd = this.#openLog()
    if (fd === undefined) return 0
    try {
      return sizeOf(fd)
    } finally {
      closeSync(fd)
    }
  }

  async trim(): Promise<Result<void, Failure>> {
    const opened = this.open()
    if (opened.ok) {
      using own = opened.value
      try {
        renameSync(join(own.path, 'log'), join(this.#directory, 'log'))
      } catch (error) {
        // The directory is parked on another disk and stays there as a whole.
        if (errorCode(error) === 'EXDEV') return ok(undefined)
        if (errorCode(error) !== 'ENOENT')
          return notKept(`the log of ${this.#directory} cannot be kept: ${errorText(error)}`)
      }
    }
    return removed(await removeTree(this.path))
  }

  async discard(): Promise<Result<void, Failure>> {
    const directory = removed(await removeTree(this.path))
    if (!directory.ok) return directory
    try {
      for (const name of ['shelf', 'log']) rmSync(join(this.#directory, name), { force: true })
      return ok(undefined)
    } catch (error) {
      return notKept(`${this.#directory} cannot be removed: ${errorText(error)}`)
    }
  }

  /** Undefined if there is no log; the caller closes it. */
  #openLog(): number | undefined {
    for (const folder of [ExchangeDir.open(this.#directory), this.open()]) {
      if (!folder.ok) continue
      using opened = folder.value
      const log = opened.openFile('log')
      if (log.ok) return log.value
    }
    return undefined
  }
}

const notKept = (message: string) => fail({ reason: 'files-left', message, retry: 'soon' } satisfies Failure)
const removed = (result: Result<void, string>): Result<void, Failure> =>
  result.ok ? result : notKept(result.failure)

/** Opens a file that is already open again, with an offset of its own. Throws system errors. */
export const reopen = (fd: number): number => openSync(`/proc/self/fd/${fd}`, 'r')
