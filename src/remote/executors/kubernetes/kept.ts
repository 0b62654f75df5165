/*
 * The files of a job, all in its directory of the spool. A node of a cluster shares no files with this host,
 * so runner copies the log while the job runs, and writes down what it did with the job:
 *
 *   leaf/started   the pod was about to be made: the job may have run
 *   leaf/stop      why the job was asked to end, and when
 *   leaf/exit      how it ended
 *   leaf/log       its log, as far as it was copied; leaf/gap: where the cluster's log begins in it;
 *                  leaf/whole: it is complete
 *   log            the log, after `trim`
 */
import { existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../../edges.ts'
import { errorText, fail, ok, type Result } from '../../../result.ts'
import { writeDurably } from '../../../system/durable-file.ts'
import { ifThere } from '../../../system/if-there.ts'
import { Notifier, pause } from '../../../system/wait.ts'
import type { Failure, JobExit, KeptFiles } from '../executor.ts'
import { readLog } from '../read-log.ts'

type RecordName = 'started' | 'stop' | 'exit' | 'whole' | 'gap'

/** The records of one job. Throws system errors. */
export class JobRecords {
  readonly #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  get folder(): string {
    return join(this.#directory, 'leaf')
  }

  /** The log while the folder is there. */
  get log(): string {
    return join(this.folder, 'log')
  }

  get trimmedLog(): string {
    return join(this.#directory, 'log')
  }

  /** Whether a job was placed, and nothing has been removed of that. */
  get isThere(): boolean {
    return existsSync(this.folder)
  }

  make(): void {
    mkdirSync(this.folder, { recursive: true, mode: 0o700 })
  }

  remove(): void {
    for (const path of [this.folder, this.trimmedLog]) rmSync(path, { recursive: true, force: true })
  }

  /** Undefined if it was not written. */
  read(name: RecordName): string | undefined {
    return ifThere(() => readFileSync(join(this.folder, name), 'utf8'))
  }

  /** On disk when this returns. */
  write(name: RecordName, text: string): void {
    writeDurably(join(this.folder, name), text)
  }

  forget(name: RecordName): void {
    rmSync(join(this.folder, name), { force: true })
  }

  /** The end of the job, if it is known. */
  get exit(): JobExit | undefined {
    const text = this.read('exit')
    if (text === undefined) return undefined
    const exit = JSON.parse(text) as JobExit
    return { ...exit, startedAt: new Date(exit.startedAt), at: new Date(exit.at) }
  }

  openLog(): number | undefined {
    for (const path of [this.log, this.trimmedLog]) {
      const fd = ifThere(() => openSync(path, 'r'))
      if (fd !== undefined) return fd
    }
    return undefined
  }

  get logSize(): number {
    return ifThere(() => statSync(this.log).size) ?? ifThere(() => statSync(this.trimmedLog).size) ?? 0
  }
}

/** The files of a job that has ended. */
export class KubernetesKept implements KeptFiles {
  protected readonly records: JobRecords
  protected readonly clock: Clock
  /** Notified when something about the job has changed. */
  protected readonly changed: Notifier = new Notifier()
  /** Aborts when the job is watched no more. */
  protected readonly over: AbortController = new AbortController()

  constructor(keptDir: string, clock: Clock) {
    this.records = new JobRecords(keptDir)
    this.clock = clock
  }

  /** Whether the log is complete. */
  protected get isLogWhole(): boolean {
    return true
  }

  async *log(from: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const ends = AbortSignal.any([signal, this.over.signal])
    while (!this.isLogWhole && this.records.logSize <= from && !ends.aborted)
      await pause(this.clock, Number.POSITIVE_INFINITY, this.changed, ends)
    const fd = this.records.openLog()
    if (fd === undefined) return
    const isWhole = () => this.isLogWhole
    yield* readLog(fd, { from, isWhole, changed: this.changed, clock: this.clock, signal: ends })
  }

  async logLength(): Promise<number> {
    const { signal } = this.over
    while (!this.isLogWhole && !signal.aborted)
      await pause(this.clock, Number.POSITIVE_INFINITY, this.changed, signal)
    return this.records.logSize
  }

  async trim(): Promise<Result<void, Failure>> {
    return tried(() => {
      if (existsSync(this.records.log)) renameSync(this.records.log, this.records.trimmedLog)
      rmSync(this.records.folder, { recursive: true, force: true })
    })
  }

  async discard(): Promise<Result<void, Failure>> {
    return tried(() => this.records.remove())
  }
}

function tried(work: () => void): Result<void, Failure> {
  try {
    return ok(work())
  } catch (error) {
    const message = `the files of a job cannot be removed: ${errorText(error)}`
    return fail({ reason: 'files-left', message, retry: 'soon' })
  }
}
