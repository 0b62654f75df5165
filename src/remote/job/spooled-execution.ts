/* The files of one execution in the spool (spool.ts says what each of them means). */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { errorCode, errorText, fail, ok, type Result } from '../../result.ts'
import { readBootId } from '../../system/boot-id.ts'
import { makeAllLast, makeLast, sync, writeDurably, writeFirst } from '../../system/durable-file.ts'
import { removeTree } from '../../system/remove-tree.ts'
import type { JobState } from '../executors/executor.ts'
import type { AssignedJob, JobEnd, Lease, Preparation } from './job.ts'
import {
  endText,
  type JobRecord,
  jobText,
  type PlaceRecord,
  placeText,
  readEnd,
  readPlace,
} from './spool-format.ts'

/** One execution on disk. */
export class SpooledExecution {
  readonly directory: string
  readonly job: AssignedJob
  #lease: Lease | undefined
  /** Resolves when the record survives a crash of the host; undefined until a caller has asked for that. */
  #lasting: Promise<void> | undefined
  /** The disk has refused it. */
  #refused = false

  constructor(directory: string, { job, lease }: JobRecord) {
    this.directory = directory
    this.job = job
    this.#lease = lease
  }

  get id(): string {
    return this.job.execution_id
  }

  /** Finds the job where it is to run, runs or ran; undefined while it has no place. */
  get state(): JobState | undefined {
    return this.#place?.state
  }

  /** Which image it has got, where the server is to be told; undefined: there is nothing to tell. */
  get imageDigest(): string | undefined {
    return this.job.image_digest === null ? this.#place?.image_digest : undefined
  }

  /** The time that its image took; undefined while the execution has no place. */
  get preparation(): Preparation | undefined {
    return this.#place?.preparation
  }

  /**
   * Whether it may have been started. A rename that was not synced is there unless the host crashes, so a
   * place of another boot tells nothing.
   */
  get mayHaveStarted(): boolean {
    if (existsSync(this.#ordered)) return this.#read(this.#ordered) !== undefined
    const placing = this.#read(this.#placing)
    return placing !== undefined && (placing.boot_id !== readBootId() || placing.boot_id === 'unknown')
  }

  get #place() {
    return this.#read(this.#ordered) ?? this.#read(this.#placing)
  }

  #read(path: string) {
    const place = readPlace(path, this.job)
    return place === 'newer' ? undefined : place
  }

  get #placing(): string {
    return join(this.directory, 'placing.json')
  }

  get #ordered(): string {
    return join(this.directory, 'place.json')
  }

  get #ended(): string {
    return join(this.directory, 'end.json')
  }

  get end(): JobEnd | undefined {
    const end = readEnd(this.#ended)
    return end === 'newer' ? undefined : end
  }

  /** Whether a newer release has written one of its files: nothing may be done with it then. */
  get isNewer(): boolean {
    const places = [this.#ordered, this.#placing].map(path => readPlace(path, this.job))
    return [...places, readEnd(this.#ended)].includes('newer')
  }

  /** Undefined where no server has anything to do with it. */
  get lease(): Lease | undefined {
    return this.#lease
  }

  /** Makes its record last. Rejects with system errors; it can be tried again. */
  makeLast(): Promise<void> {
    this.#lasting ??= this.#makeLast().catch(error => {
      this.#lasting = undefined
      this.#refused = true
      throw error
    })
    return this.#lasting
  }

  async #makeLast(): Promise<void> {
    const path = join(this.directory, 'job.json')
    // After a failed fsync the kernel may drop the pages and report success next time, so the file is written
    // again.
    if (this.#refused) writeDurably(path, this.#record)
    await makeAllLast([path, this.directory, dirname(this.directory)])
  }

  /**
   * Puts on record where it is to run and with which image, to last, as all before it does. Rejects with
   * system errors; then it has no place.
   */
  async writePlace(
    state: JobState,
    image: Pick<PlaceRecord, 'image_digest' | 'preparation'> = {},
  ): Promise<void> {
    writeFirst(this.#placing, placeText({ state, boot_id: readBootId(), ...image }))
    const lasting = [this.makeLast(), makeAllLast([this.#placing, this.directory])]
    try {
      await Promise.all(lasting)
    } catch (error) {
      rmSync(this.#placing, { force: true })
      throw error
    } finally {
      // The syncs have ended, so none is in the way of the next step.
      await Promise.allSettled(lasting)
    }
  }

  /** It is started next. Throws system errors; then it must not be. */
  beginOrder(): void {
    renameSync(this.#placing, this.#ordered)
  }

  /** Throws system errors. */
  writeLease(lease: Lease): void {
    this.#lease = lease
    writeDurably(join(this.directory, 'job.json'), this.#record)
  }

  get #record(): string {
    return jobText({ job: this.job, lease: this.#lease })
  }

  /** It has not started there, and never will. Throws system errors. */
  clearPlace(): void {
    for (const path of [this.#placing, this.#ordered]) rmSync(path, { force: true })
    sync(this.directory)
  }

  /**
   * It is there for the next process; `makeEndLast` makes it last. Where the host crashes before that, the
   * job ends as one whose executor was lost, unless the server has its result. Throws system errors; it can
   * be tried again.
   */
  writeEnd(end: JobEnd): void {
    writeFirst(this.#ended, endText(end))
  }

  /** Makes its end last, where there is one. It can be tried again. */
  makeEndLast(): Result<void, string> {
    try {
      makeLast(this.#ended)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT')
        return fail(`the end in ${this.directory} cannot be kept: ${errorText(error)}`)
    }
    return ok(undefined)
  }

  /** Removes all that the spool has of it. Files that a backend keeps elsewhere must be discarded before. */
  async remove(): Promise<Result<void, string>> {
    return removeTree(this.directory)
  }
}
