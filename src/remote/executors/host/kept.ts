import { closeSync, existsSync, openSync, readdirSync, readSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../../edges.ts'
import { errorCode, errorText, fail, ok, type Result } from '../../../result.ts'
import { ifThere } from '../../../system/if-there.ts'
import { removeTree } from '../../../system/remove-tree.ts'
import { Notifier, pause } from '../../../system/wait.ts'
import type { Failure, JobState, KeptFiles } from '../executor.ts'
import { HostPaths, hostVersion, JobPlaces, placeOf } from './paths.ts'

const pieceSize = 65536
/** Seconds between two looks at a file, since the system may not tell of its changes. */
export const lookEvery = 0.5

/** The files of a job that has ended. */
export class HostKept implements KeptFiles {
  protected readonly places: JobPlaces
  protected readonly clock: Clock
  /** Notified when something about the job has changed. */
  protected readonly changed = new Notifier()
  /** Aborts when the job is no longer watched. */
  protected readonly over = new AbortController()

  constructor(places: JobPlaces, clock: Clock) {
    this.places = places
    this.clock = clock
  }

  /** Whether the log is complete. */
  protected get isOver(): boolean {
    return true
  }

  async *log(from: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const path = this.places.log
    const fd = path === undefined ? undefined : ifThere(() => openSync(path, 'r'))
    if (fd === undefined) return
    const ends = AbortSignal.any([signal, this.over.signal])
    try {
      for (let at = from; !ends.aborted; ) {
        // Asked before the log is read, so that everything written before the end is read.
        const last = this.isOver
        const piece = Buffer.alloc(pieceSize)
        const length = readSync(fd, piece, 0, pieceSize, at)
        at += length
        if (length > 0) yield piece.subarray(0, length)
        else if (last) return
        else await pause(this.clock, lookEvery, this.changed, ends)
      }
    } finally {
      closeSync(fd)
    }
  }

  async logLength(): Promise<number> {
    const { signal } = this.over
    while (!this.isOver && !signal.aborted) await pause(this.clock, lookEvery, this.changed, signal)
    const path = this.places.log
    return path === undefined ? 0 : (ifThere(() => statSync(path).size) ?? 0)
  }

  async trim(): Promise<Result<void, Failure>> {
    for (const path of this.places.kept) {
      const trimmed = await this.#trim(path)
      if (!trimmed.ok) return trimmed
    }
    return ok(undefined)
  }

  async #trim(path: string): Promise<Result<void, Failure>> {
    const log = join(path, 'log')
    try {
      if (existsSync(log)) renameSync(log, this.places.keptLog)
      return filesResult(await removeTree(path))
    } catch (error) {
      if (errorCode(error) !== 'EXDEV') return filesResult(fail(`${log} cannot be kept: ${errorText(error)}`))
    }
    // The log cannot be renamed to another disk, so it stays and the other files are removed.
    const others = (ifThere(() => readdirSync(path)) ?? []).filter(name => name !== 'log')
    const removed = await Promise.all(others.map(name => removeTree(join(path, name))))
    return filesResult(removed.find(one => !one.ok) ?? ok(undefined))
  }

  async discard(): Promise<Result<void, Failure>> {
    for (const path of this.places.all) {
      const removed = filesResult(await removeTree(path))
      if (!removed.ok) return removed
    }
    return ok(undefined)
  }
}

/** Finds the kept files of a job without the backend; undefined: a newer release has placed the job. */
export function hostFiles(
  state: JobState,
  keptDir: string,
  { workDir, runnerId, clock }: { workDir: string; runnerId: string; clock: Clock },
): KeptFiles | undefined {
  if (state.version > hostVersion) return undefined
  return new HostKept(new JobPlaces(new HostPaths(workDir, runnerId), placeOf(state), keptDir), clock)
}

/** Describes all slots of a runner, so that a person can find them. */
export const hostSlotsText = (runnerId: string, workDir: string) =>
  `the directories in ${workDir} whose names begin with ${runnerId}, and the jobs in them`

function filesResult(removed: Result<void, string>): Result<void, Failure> {
  return removed.ok ? removed : fail({ reason: 'files-left', message: removed.failure, retry: 'soon' })
}
