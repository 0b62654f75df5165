/*
 * What is known of each execution, on disk: a directory for each, in which every step is a file that is there
 * before anything follows from it, and synced before anything that a crash of the host could make untrue; a
 * file that is not whole counts as missing. A runner that is killed at any moment leaves what the next one
 * needs.
 *
 *   job.json      what is to be done, secrets too, and by what right   it may be this runner's
 *   placing.json  where it is to run                                   in this boot it has not started
 *   place.json    the same, renamed right before it is started         it may have started
 *   end.json      what it came to                                      to be delivered
 *
 * Beside these, the backend that ran the job keeps its files here (executor.ts). What the files have is in
 * spool-format.ts.
 */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { errorCode, errorText, fail, ok, type Result } from '../../result.ts'
import { readBootId } from '../../system/boot-id.ts'
import {
  makeAllLast,
  makeDirectory,
  makeLast,
  sync,
  writeDurably,
  writeFirst,
} from '../../system/durable-file.ts'
import { removeTree } from '../../system/remove-tree.ts'
import type { JobState } from '../executors/executor.ts'
import { pathPart } from '../path-part.ts'
import type { AssignedJob, JobEnd, Lease, Preparation } from './job.ts'
import {
  endText,
  type JobRecord,
  jobText,
  type PlaceRecord,
  placeText,
  readEnd,
  readJob,
  readPlace,
} from './spool-format.ts'

/** One execution on disk. */
export class SpooledExecution {
  readonly directory: string
  readonly job: AssignedJob
  #lease: Lease | undefined
  /** Resolves when a crash of the host leaves its record; undefined while nobody has asked for that. */
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

  /** How long its image took; undefined while it has no place. */
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
      // None is in the way of what comes next.
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

  /** Removes all that the spool has of it. What a backend keeps elsewhere is to be discarded before. */
  async remove(): Promise<Result<void, string>> {
    return removeTree(this.directory)
  }
}

/** What is in a spool. */
export interface SpoolContents {
  executions: SpooledExecution[]
  /** Directories whose record is not whole. */
  damaged: string[]
  /** Directories in which a newer release has written. */
  newer: string[]
}

/** All executions of a runner. */
export class Spool {
  readonly #root: string

  /** Throws system errors where the directory cannot be made. */
  constructor(root: string) {
    this.#root = root
    makeDirectory(root)
  }

  /**
   * Puts an execution on record, for a crash of this process alone (`makeLast` does the rest); of one that is
   * there already only the lease is another. Throws system errors, after which it can be tried again, and
   * where its id is not one, or a newer release has written its record.
   */
  add(job: AssignedJob, lease?: Lease): SpooledExecution {
    const directory = join(this.#root, pathPart(job.execution_id))
    if (!makeAnew(directory)) {
      const known = executionIn(directory)
      if (known === 'newer') throw new Error(newerText(directory))
      if (known !== undefined) {
        if (lease !== undefined) known.writeLease(lease)
        return known
      }
    }
    writeFirst(join(directory, 'job.json'), jobText({ job, lease }))
    return new SpooledExecution(directory, { job, lease })
  }

  all(): SpoolContents {
    const contents: SpoolContents = { executions: [], damaged: [], newer: [] }
    for (const name of readdirSync(this.#root)) {
      const directory = join(this.#root, name)
      const known = executionIn(directory)
      if (known === 'newer') contents.newer.push(directory)
      else if (known === undefined) contents.damaged.push(directory)
      else contents.executions.push(known)
    }
    return contents
  }
}

/** What to say of a directory in which a newer release has written. */
export const newerText = (directory: string): string =>
  `${directory} was written by a newer release of runner, so it is left as it is: ` +
  'start that release again to have its result delivered'

/** The execution in a directory; undefined where its record is not whole, or that of another directory. */
function executionIn(directory: string): SpooledExecution | 'newer' | undefined {
  const record = readJob(join(directory, 'job.json'))
  if (record === 'newer') return 'newer'
  if (record?.job.execution_id !== basename(directory)) return undefined
  const execution = new SpooledExecution(directory, record)
  return execution.isNewer ? 'newer' : execution
}

/**
 * Removes all executions; what a backend keeps of them elsewhere goes by `discard`, and nothing that refers
 * to them.
 */
export async function removeSpool(
  stateDir: string,
  discard: (execution: SpooledExecution) => Promise<unknown>,
): Promise<void> {
  const root = join(stateDir, 'spool')
  for (const name of namesInSpool(stateDir)) {
    const execution = executionIn(join(root, name))
    if (execution instanceof SpooledExecution) await discard(execution)
  }
  await removeTree(root)
}

/** Makes a directory; false: it is there already. Throws other system errors. */
function makeAnew(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 })
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}

/** The ids of the executions in the spool of a state directory. */
export function namesInSpool(stateDir: string): string[] {
  try {
    return readdirSync(join(stateDir, 'spool'))
  } catch {
    return []
  }
}
