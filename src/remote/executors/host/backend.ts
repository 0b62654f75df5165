/* The host backend: jobs run on this host without containers, each under a supervisor of its own. */
import { readFileSync } from 'node:fs'
import { release, type as systemName } from 'node:os'
import { errorText, fail, ok, type Result } from '../../../result.ts'
import { countsUnits } from '../../../system/cgroup.ts'
import { freeBytes } from '../../../system/disk-free.ts'
import type {
  ExecutorBackend,
  Facts,
  Failure,
  JobHandle,
  JobState,
  KeptFiles,
  OpenFailure,
  Prepared,
  Requirement,
  Slot,
  SlotOptions,
  SlotRef,
} from '../executor.ts'
import { closeJobs, removeSlot } from './close.ts'
import { HostHandle, hostKey } from './handle.ts'
import { HostKept, hostSlotsText } from './kept.ts'
import type { HostOptions } from './options.ts'
import { HostPaths, hostName, hostVersion, JobPlaces, makePassable, placeOf } from './paths.ts'
import { probeHost } from './probe.ts'
import { HostSlot } from './slot.ts'

export class HostBackend implements ExecutorBackend {
  readonly name: string = hostName
  readonly #options: HostOptions
  readonly #paths: HostPaths

  constructor(options: HostOptions) {
    this.#options = options
    this.#paths = new HostPaths(options.workDir, options.runnerId)
  }

  get slotsText(): string {
    return hostSlotsText(this.#options.runnerId, this.#options.workDir)
  }

  async requirements(): Promise<readonly Requirement[]> {
    return []
  }

  async probe(signal: AbortSignal): Promise<Result<Facts, Failure>> {
    const probed = await probeHost(this, this.#options, signal)
    return probed.ok ? this.health() : probed
  }

  async health(): Promise<Result<Facts, Failure>> {
    const { workDir, launcher } = this.#options
    const { usesSystemd } = launcher
    return ok({
      id: machineId(),
      system: `${systemName()} ${release()}`,
      address: 'this host',
      disks: [{ path: workDir, free: freeBytes(workDir) }],
      makeRoom: undefined,
      slot: 'directory',
      capabilities: ['host'],
      once: undefined,
      // Without systemd a supervisor outlives runner's process, but the end of runner's service may kill it.
      plugins: true,
      outlives: usesSystemd ? 'runner' : 'nothing',
      timeLimit: 'job',
      logWithoutRunner: true,
      logComes: 'at-once',
      tried: 'one ran in a directory, and its output came back',
      tells: { oom: false, disk: true, neverStarted: true },
      measures: usesSystemd && countsUnits(),
      diskLimit: undefined,
      notes: usesSystemd
        ? ['each job is a unit of systemd']
        : ["there is no systemd for jobs: they may end with runner's service"],
    })
  }

  async prepare(): Promise<Result<Prepared, Failure>> {
    return ok({ key: hostKey })
  }

  async open(_prepared: Prepared, { slotId, ephemeral }: SlotOptions): Promise<Result<Slot, OpenFailure>> {
    try {
      for (const path of [this.#options.workDir, this.#paths.slot(slotId), this.#paths.jobs(slotId)])
        makePassable(path)
      return ok(new HostSlot(this.#options, this.#paths, slotId, ephemeral))
    } catch (error) {
      const message = `a slot cannot be made in ${this.#options.workDir}: ${errorText(error)}`
      return fail({
        reason: 'executor-not-started',
        message,
        retry: 'soon',
        left: { id: slotId, key: hostKey },
      })
    }
  }

  async list(): Promise<Result<SlotRef[], Failure>> {
    try {
      return ok(this.#paths.slotIds().map(id => ({ id, key: hostKey })))
    } catch (error) {
      const message = `${this.#options.workDir} cannot be read: ${errorText(error)}`
      return fail({ reason: 'directory-unusable', message, retry: 'when-back' })
    }
  }

  async close({ id }: SlotRef): Promise<Result<void, Failure>> {
    const closed = await closeJobs(this.#paths.jobs(id), this.#options)
    return closed.ok ? removeSlot(this.#paths, id, this.#options) : closed
  }

  async recover(state: JobState, keptDir: string): Promise<Result<JobHandle, Failure>> {
    if (state.backend !== hostName || state.version > hostVersion)
      return fail({
        reason: 'state-unknown',
        retry: 'never',
        message: 'another backend, or a newer release of runner, has written the state of the job',
      })
    if (new JobPlaces(this.#paths, placeOf(state), keptDir).directory === undefined)
      return fail({ reason: 'lost', message: 'its slot and its files are gone', retry: 'never' })
    return ok(new HostHandle(this.#options, this.#paths, state, keptDir))
  }

  kept(state: JobState, keptDir: string): KeptFiles {
    return new HostKept(new JobPlaces(this.#paths, placeOf(state), keptDir), this.#options.edges.clock)
  }

  /** A host has no images. */
  async reclaim(): Promise<void> {}
}

/**
 * An id that tells this host from others, or the name of the backend: a container often has no machine id.
 */
function machineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8').trim() || hostName
  } catch {
    return hostName
  }
}
