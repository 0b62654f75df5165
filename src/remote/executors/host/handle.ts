/* One host job, watched by one process of a runner. */
import { existsSync, type FSWatcher, watch, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { defined, errorText, fail, ok, type Result } from '../../../result.ts'
import { readBootId } from '../../../system/boot-id.ts'
import { pause } from '../../../system/wait.ts'
import type { Failure, JobExit, JobHandle, JobState, SlotRef } from '../executor.ts'
import { ExchangeDir, fileFailureText } from '../handover/exchange-dir.ts'
import { type Claim, type HostExit, isAlive, type JobDirectory } from './job-directory.ts'
import { HostKept, lookEvery } from './kept.ts'
import type { HostOptions } from './options.ts'
import { type HostPaths, type HostPlace, JobPlaces, placeOf } from './paths.ts'
import { killAll } from './processes.ts'

/** Seconds in which a supervisor must have begun after its start. */
const startTime = 30

export class HostHandle extends HostKept implements JobHandle {
  readonly state: JobState
  readonly started: Promise<Date | 'never'>
  readonly exited: Promise<JobExit>
  readonly #options: HostOptions
  readonly #paths: HostPaths
  readonly #place: HostPlace
  /** When the job started; undefined until that is seen. */
  #startedAt: Date | undefined
  #ended = false

  constructor(options: HostOptions, paths: HostPaths, state: JobState, keptDir: string) {
    const place = placeOf(state)
    super(new JobPlaces(paths, place, keptDir), options.edges.clock)
    this.state = state
    this.#options = options
    this.#paths = paths
    this.#place = place
    const started = Promise.withResolvers<Date | 'never'>()
    const exited = Promise.withResolvers<JobExit>()
    this.started = started.promise
    this.exited = exited.promise
    const watched = this.#watch(started.resolve, exited.resolve)
    // Without this an exception in it would let callers wait for the job for ever.
    watched.catch(error => {
      started.reject(error)
      exited.reject(error)
    })
  }

  get slot(): SlotRef | undefined {
    const { slot_id } = this.#place
    return existsSync(this.#paths.slot(slot_id)) ? { id: slot_id, key: hostKey } : undefined
  }

  protected override get isOver(): boolean {
    return this.#ended || this.places.directory?.exit !== undefined
  }

  async #watch(start: (at: Date | 'never') => void, exit: (exit: JobExit) => void): Promise<void> {
    using _ears = this.#listen()
    const late = this.clock.monotonic() + startTime
    while (!this.over.signal.aborted) {
      const end = await this.#look(this.clock.monotonic() >= late)
      if (this.over.signal.aborted) return
      if (this.#startedAt !== undefined) start(this.#startedAt)
      if (end !== undefined) {
        this.#ended = true
        this.changed.notify()
        return end === 'never' ? start(end) : exit(end)
      }
      await pause(this.clock, lookEvery, this.changed, this.over.signal)
    }
  }

  /** The end of the job, if it has ended. `late`: a supervisor that has not begun by now is given up. */
  async #look(late: boolean): Promise<JobExit | 'never' | undefined> {
    const { directory } = this.places
    // The job may have started between the last look and the end of its slot.
    if (directory === undefined) return this.#lost('its slot was closed')
    const exit = directory.exit
    // The claim is read after the exit: a job that has ended has certainly been claimed.
    const claim = directory.claim
    if (exit !== undefined) {
      this.#startedAt ??= new Date(exit.started_at)
      return exitOf(exit)
    }
    if (claim?.by === 'runner') return 'never'
    if (claim !== undefined) {
      this.#startedAt ??= new Date(claim.at)
      // The supervisor may have written the exit since it was read above.
      if (isAlive(claim.supervisor) || directory.exit !== undefined) return undefined
      return this.#end(directory, claim)
    }
    // A claim exists while its directory does, so this one exists and cannot be read at the moment.
    if (this.#startedAt !== undefined) return undefined
    // A supervisor that begins later finds the claim and starts nothing.
    if (late || !directory.isOrdered) return giveUp(directory) ? 'never' : undefined
    return undefined
  }

  /**
   * The supervisor died without writing an exit: kills the rest of the job, and writes an exit that says so.
   */
  async #end(directory: JobDirectory, { supervisor, at }: Claim & { by: 'supervisor' }): Promise<JobExit> {
    const { unit, nonce } = this.#place
    const rebooted = supervisor.boot_id !== readBootId()
    if (unit !== undefined && !rebooted) await this.#options.launcher.kill(unit)
    const leader = rebooted ? undefined : directory.leader
    const tree = {
      ...(leader === undefined ? {} : { leader: leader.pid, leaderStarted: leader.ticks }),
      id: nonce,
    }
    const left = await killAll(tree, undefined, this.clock)
    const message = rebooted ? 'the host was started anew while it ran' : 'its supervisor ended while it ran'
    const exit: HostExit = {
      code: 0,
      why: 'lost',
      message,
      killed: true,
      refused: false,
      left,
      started_at: at,
      at: this.clock.now().toISOString(),
    }
    try {
      directory.writeExit(exit)
    } catch {
      // The next look writes it again.
    }
    return exitOf(exit)
  }

  #lost(message: string): JobExit {
    const at = this.clock.now()
    this.#startedAt ??= at
    return { by: 'lost', message, startedAt: this.#startedAt, at }
  }

  /** Watches the directory of the job for changes, if the system can tell of them. */
  #listen(): Disposable {
    const watchers: FSWatcher[] = []
    const { directory } = this.places
    // The directory above it changes when the slot is closed.
    for (const path of directory === undefined ? [] : [directory.path, dirname(directory.path)])
      try {
        const watcher = watch(path, { persistent: false }, () => this.changed.notify())
        watcher.on('error', () => watcher.close())
        watchers.push(watcher)
      } catch {
        // Without a watcher, a look every half second is enough.
      }
    return {
      [Symbol.dispose]() {
        for (const watcher of watchers) watcher.close()
      },
    }
  }

  async output(max: number): Promise<Result<Uint8Array | undefined, Failure>> {
    const { directory } = this.places
    const opened = directory === undefined ? undefined : ExchangeDir.open(directory.files)
    if (!opened?.ok) return ok(undefined)
    using files = opened.value
    const read = files.read('output', max)
    if (read.ok) return ok(read.value.bytes)
    if (read.failure.reason === 'missing') return ok(undefined)
    return fail({
      reason: 'spool-lost',
      message: fileFailureText(read.failure, 'output', max),
      retry: 'never',
    })
  }

  stop(_why: 'aborted' | 'lease-lost'): void {
    try {
      this.places.directory?.askToStop()
    } catch {
      // The job is gone.
    }
  }

  async keep(): Promise<Result<void, Failure>> {
    try {
      const left = this.places.directory?.exit?.left ?? 0
      if (left > 0 && this.slot !== undefined) writeFileSync(this.#paths.spoiled(this.#place.slot_id), '')
      this.places.keep()
      return ok(undefined)
    } catch (error) {
      return fail({
        reason: 'spool-lost',
        message: `the files of the job cannot be kept: ${errorText(error)}`,
        retry: 'soon',
      })
    }
  }

  detach(): void {
    this.over.abort()
  }
}

/** The key of all slots on a host: they are alike. */
export const hostKey = 'host'

/**
 * Makes the claim that keeps a supervisor from starting the job. False: the next look shows who has made the
 * claim.
 */
function giveUp(directory: JobDirectory): boolean {
  try {
    return directory.makeClaim({ by: 'runner' })
  } catch {
    // The disk is full, or the slot is being closed.
    return false
  }
}

function exitOf(exit: HostExit): JobExit {
  const { code, why } = exit
  const times = {
    startedAt: new Date(exit.started_at),
    at: new Date(exit.at),
    ...defined({ resources: exit.used }),
  }
  if (exit.refused) return { by: 'not-startable', code, ...times }
  switch (why) {
    case 'exit':
      return { by: 'status', code, ...times }
    case 'stop':
      return { by: 'stopped', code, ...times }
    case 'limit':
      return { by: 'time-limit', code, ...times }
    case 'disk':
      return {
        by: 'disk',
        code,
        message: 'its output could not be kept: the disk of work_dir was full',
        ...times,
      }
    case 'lost':
      return { by: 'lost', message: exit.message ?? 'its supervisor ended while it ran', ...times }
  }
}
