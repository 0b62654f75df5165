/*
 * Where the host backend keeps slots and jobs:
 *
 *   <work>/<runner>.<slot>/jobs/<job>/   a slot and the job in it (job-directory.ts)
 *   <work>/<runner>.<slot>/closed.<id>/  `jobs` of a slot that is being removed
 *   <work>/<runner>.<slot>/spoiled       a process outlived a job of this slot
 *   <spool>/leaf/                        the exchange directory of a job that was kept
 *   <work>/<runner>.ended.<job>/         its parked directory instead, if the spool is on another disk
 *   <spool>/shelf                        the path of the parked directory
 *   <spool>/log                          the log, once everything else was removed
 *
 * Jobs run as another user, so every directory on the way to a job can be passed by all and read by nobody
 * else.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { basename, isAbsolute, join, normalize } from 'node:path'
import { errorCode } from '../../../result.ts'
import { writeFirst } from '../../../system/durable-file.ts'
import { ifThere } from '../../../system/if-there.ts'
import { pathPart } from '../../path-part.ts'
import type { JobState } from '../executor.ts'
import { JobDirectory } from './job-directory.ts'

export const hostName = 'host'
/** The version of `JobState.data`. */
export const hostVersion = 1

/** `JobState.data` of this backend. */
export interface HostPlace {
  slot_id: string
  job_id: string
  nonce: string
  unit?: string
}

export const stateOf = (data: HostPlace): JobState => ({ backend: hostName, version: hostVersion, data })
/** Reads the state of a job that this backend has placed. */
export const placeOf = ({ data }: JobState): HostPlace => data as HostPlace

const passable = 0o711

/** Makes a directory, and those above it, through which other users can pass. Throws system errors. */
export function makePassable(path: string): void {
  mkdirSync(path, { recursive: true, mode: passable })
  chmodSync(path, passable)
}

export class HostPaths {
  readonly workDir: string
  readonly #runnerId: string

  constructor(workDir: string, runnerId: string) {
    this.workDir = workDir
    this.#runnerId = runnerId
  }

  slot(slotId: string): string {
    return join(this.workDir, `${this.#runnerId}.${pathPart(slotId)}`)
  }

  spoiled(slotId: string): string {
    return join(this.slot(slotId), 'spoiled')
  }

  jobs(slotId: string): string {
    return join(this.slot(slotId), 'jobs')
  }

  closed(slotId: string, id: string): string {
    return join(this.slot(slotId), `closed.${id}`)
  }

  job(slotId: string, jobId: string): string {
    return join(this.jobs(slotId), pathPart(jobId))
  }

  parked(jobId: string): string {
    return join(this.workDir, `${this.#runnerId}${parkedEnd(jobId)}`)
  }

  /** The ids of all slots that have a directory, complete or not. */
  slotIds(): string[] {
    const start = `${this.#runnerId}.`
    const names = ifThere(() => readdirSync(this.workDir)) ?? []
    const ids = names.filter(name => name.startsWith(start)).map(name => name.slice(start.length))
    return ids.filter(id => /^[0-9a-f]{32}$/.test(id))
  }
}

/** The end of the name of a parked directory. */
const parkedEnd = (jobId: string) => `.ended.${pathPart(jobId)}`

/** The places of the files of one job. */
export class JobPlaces {
  readonly inSlot: string
  readonly #paths: HostPaths
  readonly #jobId: string
  readonly #kept: string

  constructor(paths: HostPaths, { slot_id, job_id }: HostPlace, kept: string) {
    this.#paths = paths
    this.#jobId = job_id
    this.#kept = kept
    this.inSlot = paths.job(slot_id, job_id)
  }

  /** The exchange directory of a job that was kept. */
  get exchangeDir(): string {
    return join(this.#kept, 'leaf')
  }

  get keptLog(): string {
    return join(this.#kept, 'log')
  }

  /** The file with the path of the parked directory. */
  get #parkedFile(): string {
    return join(this.#kept, 'shelf')
  }

  /** The parked directory; undefined if the job was not parked. */
  get parked(): string | undefined {
    const path = ifThere(() => readFileSync(this.#parkedFile, 'utf8'))
    if (path === undefined) return undefined
    // A path that was cut off in a crash would name another directory.
    const isWhole =
      isAbsolute(path) && normalize(path) === path && basename(path).endsWith(parkedEnd(this.#jobId))
    return isWhole ? path : undefined
  }

  /** The places where the files may be after `keep`; none of them is in a slot. */
  get kept(): string[] {
    const { parked } = this
    return [this.exchangeDir, ...(parked === undefined ? [] : [parked])]
  }

  /** Undefined if nothing is left of the job, except perhaps its log. */
  get directory(): JobDirectory | undefined {
    const path = [...this.kept, this.inSlot].find(path => existsSync(path))
    return path === undefined ? undefined : new JobDirectory(path)
  }

  /** The path of the log; undefined if there is no log. */
  get log(): string | undefined {
    const { directory } = this
    return [this.keptLog, ...(directory === undefined ? [] : [directory.log])].find(path => existsSync(path))
  }

  get all(): string[] {
    return [...this.kept, this.keptLog, this.#parkedFile]
  }

  /** Moves the files out of the slot. Throws system errors; can be repeated. */
  keep(): void {
    if (!existsSync(this.inSlot)) return
    chmodSync(this.inSlot, 0o700)
    try {
      renameSync(this.inSlot, this.exchangeDir)
    } catch (error) {
      if (errorCode(error) !== 'EXDEV') throw error
      const parked = this.#paths.parked(this.#jobId)
      writeFirst(this.#parkedFile, parked)
      renameSync(this.inSlot, parked)
    }
  }
}
