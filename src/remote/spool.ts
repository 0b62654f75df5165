/*
 * What is known of each execution, on disk: a directory for each, apart from the leaf, in which every step is a file
 * that is there before anything follows from it, and synced before anything that a crash of the host could make untrue;
 * one that is not whole is none. A runner that is killed at any moment leaves what the next one needs.
 *
 *   job.json      what is to be done, secrets too, and by what right   it may be this runner's
 *   placing.json  where it is to run                                   in this boot it has not started
 *   place.json    the same, renamed right before the order is given    it may have started
 *   leaf/         its leaf, once it has ended; then only `log`         nothing writes to it any more
 *   shelf         where that is, if work_dir is on another disk; then it stays whole
 *   end.json      what it came to                                      to be delivered
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, normalize } from 'node:path'
import { readBootId } from '../journal/boot-id.ts'
import { makeDirectory } from '../journal/files.ts'
import { parseJson } from '../protocol/exact-json.ts'
import type { InputContext } from '../protocol/messages.ts'
import { errorCode, errorText, fail, ok, type Result } from '../result.ts'
import { makeAllLast, makeLast, sync, writeDurably, writeFirst } from './durable.ts'
import { type Place, shelfName } from './executors/executor.ts'
import { Leaf } from './executors/leaf.ts'
import { removeTree } from './executors/remove-tree.ts'
import type { LogEnd } from './log-follower.ts'
import { isPathPart, pathPart } from './path-part.ts'
import type { JobKind, Verdict } from './plugin.ts'

/** A job as an executor gets it. */
export interface Job {
  execution_id: string
  kind: JobKind
  image: string
  runner_group: string
  /** Only a job with the same key may have its container before or after it; absent: no other job. */
  reuse_key?: string
  command?: string[]
  args?: string[]
  env: Record<string, string>
  secret_env: Record<string, string>
  input?: InputContext
  /** What must not be shown, beside what stands in `secret_env`. */
  secrets: string[]
  /** base64 of 32 bytes, for this execution alone; empty: input and output are plain. */
  session_key: string
  release_url: string
  /** Seconds; 0: for ever. */
  max_time_seconds: number
  abort_timeout_seconds: number
  /** Absent: the image's stop signal, else SIGTERM. */
  abort_signal?: string
  max_output_bytes: number
  /** Bytes of its log that are sent; absent in a job of an earlier release: all of it. */
  log_limit?: number
}

/** A runner's right to an execution, as its server knows it. */
export interface Lease {
  lease_id: string
  /** Null: a definition without a name. */
  job_name: string | null
}

export interface JobEnd extends Verdict, LogEnd {
  /** RFC 3339, UTC, by the clock of this host as it was at the end. */
  started_at: string
  finished_at: string
  /** Milliseconds of that clock less the server's, where that was known. */
  clock_offset?: number | undefined
}

/** What `job.json` has. */
interface JobRecord {
  job: Job
  /** Absent where no server has anything to do with it. */
  lease?: Lease | undefined
}

/** What `placing.json` has. */
interface Placing extends Place {
  boot_id: string
}

/** One execution on disk. */
export class Execution {
  readonly directory: string
  readonly job: Job
  #lease: Lease | undefined
  /** Resolves when a crash of the host leaves its record; undefined as long as nobody has asked for that. */
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

  /** Where it is to run, runs or ran; undefined as long as it has no place. */
  get place(): Place | undefined {
    return readJson<Place>(this.#ordered) ?? readJson<Place>(this.#placing)
  }

  /**
   * Whether an order may have been given for it. A rename that was not synced is there as long as the host does not
   * crash, so a place of another boot tells nothing.
   */
  get mayHaveStarted(): boolean {
    if (existsSync(this.#ordered)) return readJson(this.#ordered) !== undefined
    const placing = readJson<Placing>(this.#placing)
    return placing !== undefined && (placing.boot_id !== readBootId() || placing.boot_id === 'unknown')
  }

  get #placing(): string {
    return join(this.directory, 'placing.json')
  }

  get #ordered(): string {
    return join(this.directory, 'place.json')
  }

  get end(): JobEnd | undefined {
    return readJson<JobEnd>(join(this.directory, 'end.json'))
  }

  /** Undefined where no server has anything to do with it. */
  get lease(): Lease | undefined {
    return this.#lease
  }

  /** Where its leaf goes when it has ended. */
  get leaf(): string {
    return leafOf(this.directory)
  }

  /** Its leaf goes there instead, on the disk on which it is. Throws system errors. */
  shelve(path: string): void {
    writeFirst(join(this.directory, 'shelf'), path)
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
    // What a disk has refused once it may forget without a word.
    if (this.#refused) writeDurably(path, this.#record)
    await makeAllLast([path, this.directory, dirname(this.directory)])
  }

  /**
   * Puts on record where it is to run, to last, as all before it does. Rejects with system errors; then it has no place.
   */
  async writePlace(place: Place): Promise<void> {
    const placing: Placing = { ...place, boot_id: readBootId() }
    writeFirst(this.#placing, JSON.stringify(placing))
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

  /** The order comes next. Throws system errors; then it must not. */
  beginOrder(): void {
    renameSync(this.#placing, this.#ordered)
  }

  /** Throws system errors. */
  writeLease(lease: Lease): void {
    this.#lease = lease
    writeDurably(join(this.directory, 'job.json'), this.#record)
  }

  get #record(): string {
    const record: JobRecord = { job: this.job, lease: this.#lease }
    return JSON.stringify(record)
  }

  /** It has not started there, and never will. Throws system errors. */
  clearPlace(): void {
    for (const path of [this.#placing, this.#ordered]) rmSync(path, { force: true })
    sync(this.directory)
  }

  /**
   * It is there for the next process; `tidy` makes it last. Where the host crashes before that, the job ends as one
   * whose container was lost, unless the server has its result. Throws system errors; it can be tried again.
   */
  writeEnd(end: JobEnd): void {
    writeFirst(join(this.directory, 'end.json'), JSON.stringify(end))
  }

  /** Once it has ended: makes its end last, and keeps of what was its leaf the log alone. It can be tried again. */
  async tidy(): Promise<Result<void, string>> {
    try {
      makeLast(join(this.directory, 'end.json'))
    } catch (error) {
      if (errorCode(error) !== 'ENOENT')
        return fail(`the end in ${this.directory} cannot be kept: ${errorText(error)}`)
    }
    const leaf = this.#openLeaf()
    if (leaf.ok) {
      using own = leaf.value
      try {
        renameSync(join(own.path, 'log'), join(this.directory, 'log'))
      } catch (error) {
        if (errorCode(error) === 'EXDEV') return ok(undefined)
        if (errorCode(error) !== 'ENOENT')
          return fail(`the log of ${this.directory} cannot be kept: ${errorText(error)}`)
      }
    }
    return removeTree(this.leaf)
  }

  /** Not what a job may have put in its place. */
  #openLeaf() {
    return Leaf.open(this.leaf, this.place?.leaf)
  }

  /** Opens its log, as the job wrote it, once it has ended; the caller closes it. */
  openLog(): Result<number, string> {
    for (const folder of [Leaf.open(this.directory), this.#openLeaf()]) {
      if (!folder.ok) continue
      using opened = folder.value
      const log = opened.openFile('log')
      if (log.ok) return log
    }
    return fail(`${this.directory} has no log`)
  }

  /** Delivered and acknowledged, or of no use to anybody. */
  async remove(): Promise<Result<void, string>> {
    const leaf = await removeTree(this.leaf)
    return leaf.ok ? removeTree(this.directory) : leaf
  }
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
   * Puts an execution on record, for a crash of this process alone (`makeLast` does the rest); of one that is there
   * already only the lease is another. Throws system errors, after which it can be tried again, and where its id is not
   * one.
   */
  add(job: Job, lease?: Lease): Execution {
    const directory = join(this.#root, pathPart(job.execution_id))
    if (!makeAnew(directory)) {
      const known = readRecord(directory)
      if (known !== undefined) {
        const execution = new Execution(directory, known)
        if (lease !== undefined) execution.writeLease(lease)
        return execution
      }
    }
    writeFirst(join(directory, 'job.json'), JSON.stringify({ job, lease }))
    return new Execution(directory, { job, lease })
  }

  /** All that can be read; `damaged` names the others, which nothing is done with. */
  all(): { executions: Execution[]; damaged: string[] } {
    const damaged: string[] = []
    const executions = readdirSync(this.#root).flatMap(name => {
      const directory = join(this.#root, name)
      const known = readRecord(directory)
      if (known !== undefined) return [new Execution(directory, known)]
      damaged.push(directory)
      return []
    })
    return { executions, damaged }
  }
}

/** Where the leaf of an execution goes that has this directory. */
function leafOf(directory: string): string {
  const shelf = join(directory, 'shelf')
  const path = existsSync(shelf) ? readFileSync(shelf, 'utf8') : ''
  // One that breaks off would lead elsewhere.
  const end = shelfName(basename(directory))
  const isShelf = isAbsolute(path) && basename(path).endsWith(end) && normalize(path) === path
  return isShelf ? path : join(directory, 'leaf')
}

/** What `job.json` has; undefined where it is not whole, or that of another directory. */
function readRecord(directory: string): JobRecord | undefined {
  const known = readJson<Partial<JobRecord> | null>(join(directory, 'job.json'))
  const id = known?.job?.execution_id
  return isPathPart(id) && id === basename(directory) ? (known as JobRecord) : undefined
}

/** Removes all executions, and nothing that refers to them. */
export async function removeSpool(stateDir: string): Promise<void> {
  const root = join(stateDir, 'spool')
  for (const name of namesInSpool(stateDir)) await removeTree(leafOf(join(root, name)))
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

/** Undefined where there is none, or none that is whole. */
function readJson<T>(path: string): T | undefined {
  try {
    return parseJson(readFileSync(path, 'utf8')) as T
  } catch {
    return undefined
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
