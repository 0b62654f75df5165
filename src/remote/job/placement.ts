/*
 * Where a job is to run: its image, a slot, its files in that. All of it can be taken back while the job has
 * not been started, so it may begin before the job is this runner's.
 */
import type { Edges } from '../../edges.ts'
import { fail, type Result } from '../../result.ts'
import { aborted, sent } from '../../system/wait.ts'
import type { ExecutorBackend, Failure, Prepared, Slot } from '../executors/executor.ts'
import type { PullProgress } from '../executors/image.ts'
import type { SlotPool } from '../pool/pool.ts'
import { type PlacedJob, placeJob, takeBack } from './handover.ts'
import type { AssignedJob, Preparation } from './job.ts'
import { domainOf } from './reuse-key.ts'
import type { SpooledExecution } from './spooled-execution.ts'

/** Where jobs can be started. */
export interface Startable {
  /** Undefined while no backend has worked yet. */
  runtime: { backend: Pick<ExecutorBackend, 'prepare'>; pool: Places } | undefined
  /** Why no job can be started now; undefined where one can. */
  problem: string | undefined
}

type Places = Pick<SlotPool, 'take' | 'takeIdle' | 'putBack' | 'discard'>

export interface PlacementOptions {
  startable: Startable
  edges: Edges
  execution: SpooledExecution
  onPull(progress: PullProgress): void
  /** The job is about to be put into this slot; undefined: it is in none. */
  onSlot(slot: Slot | undefined): void
}

/** The results of the steps that are done while the server confirms. */
interface Early {
  prepared: Result<Prepared, Failure>
  /** Undefined: no slot of its image was idle. */
  placed: Result<PlacedJob, Failure> | undefined
}

const needOf = ({ image, image_digest, kind }: AssignedJob) => ({
  image,
  digest: image_digest ?? undefined,
  plugin: kind === 'plugin',
})

const ended = fail<Failure>({ reason: 'executor-lost', message: 'ended', retry: 'soon' })

export class Placement {
  readonly #options: PlacementOptions
  #early: Promise<Early | undefined> | undefined
  /** The result of the last look for the image. */
  #preparation: Preparation | undefined

  constructor(options: PlacementOptions) {
    this.#options = options
  }

  /**
   * While the server confirms: looks for the image of the job, makes its record last meanwhile, and where a
   * slot is idle, puts it into that. Nothing is started, evicted or waited for but the image.
   */
  begin(stop: AbortSignal): void {
    this.#early = this.#placeEarly(stop)
  }

  /** It is not this runner's, or is to end before it has begun: nothing is left of what was done for it. */
  async undo(): Promise<void> {
    const early = await this.#early
    this.#early = undefined
    const { runtime } = this.#options.startable
    if (early?.placed?.ok && runtime !== undefined) await this.#takeBack(early.placed.value, runtime.pool)
  }

  /** Gets an image and a slot, and puts the job into it; waits for as long as that takes. */
  async place(stop: AbortSignal): Promise<Result<PlacedJob, Failure>> {
    const early = await this.#early
    const { runtime, problem } = this.#options.startable
    if (runtime === undefined || stop.aborted) {
      await this.undo()
      return fail({ reason: 'engine-unreachable', message: problem ?? 'ended', retry: 'when-back' })
    }
    this.#early = undefined
    const placed = early?.placed ?? (await this.#place(runtime, early?.prepared, stop))
    // It may have been asked to end while the disk was waited for.
    if (!placed.ok || !stop.aborted) return placed
    await this.#takeBack(placed.value, runtime.pool)
    return ended
  }

  async #placeEarly(stop: AbortSignal): Promise<Early | undefined> {
    const { startable, execution } = this.#options
    const { runtime } = startable
    const looked = runtime && this.#prepare(runtime.backend, stop)
    // The server is asked meanwhile, and the disk is waited for beside both.
    await sent()
    // Without a lasting record it gets no place; the step that would place it reports the reason.
    execution.makeLast().catch(() => {})
    // Another job may have an image pulled for longer than this one is wanted.
    const prepared = await Promise.race([looked, aborted(stop)])
    if (runtime === undefined || !prepared || stop.aborted) return undefined
    if (!prepared.ok) return { prepared, placed: undefined }
    const idle = runtime.pool.takeIdle(prepared.value, domainOf(execution.job))
    return { prepared, placed: idle && (await this.#placeIn(runtime.pool, idle, prepared.value)) }
  }

  async #place(
    { backend, pool }: NonNullable<Startable['runtime']>,
    known: Early['prepared'] | undefined,
    stop: AbortSignal,
  ): Promise<Result<PlacedJob, Failure>> {
    const { job } = this.#options.execution
    const prepared = known ?? (await this.#prepare(backend, stop))
    if (!prepared.ok) return prepared
    if (stop.aborted) return ended
    const taken = await pool.take(prepared.value, job.runner_group, domainOf(job), stop)
    return taken.ok ? this.#placeIn(pool, taken.value, prepared.value) : taken
  }

  async #prepare(
    backend: NonNullable<Startable['runtime']>['backend'],
    stop: AbortSignal,
  ): Promise<Result<Prepared, Failure>> {
    const { execution, edges, onPull } = this.#options
    const began = edges.clock.monotonic()
    const prepared = await backend.prepare(needOf(execution.job), onPull, stop)
    this.#preparation = {
      image_seconds: edges.clock.monotonic() - began,
      image_at: edges.clock.now().toISOString(),
    }
    return prepared
  }

  async #placeIn(pool: Places, slot: Slot, { digest }: Prepared): Promise<Result<PlacedJob, Failure>> {
    const { execution, onSlot } = this.#options
    onSlot(slot)
    const image = { image_digest: digest, preparation: this.#preparation }
    const placed = await placeJob(execution, slot, image)
    if (placed.ok) return placed
    onSlot(undefined)
    // Its words are wrong, and nothing was made of them; else something may be left.
    if (placed.failure.retry === 'never') pool.putBack(slot)
    else void pool.discard(slot.ref)
    return placed
  }

  /** It is not started after all: its slot is there for others, as it was. */
  async #takeBack(placed: PlacedJob, pool: Places): Promise<void> {
    const clean = await takeBack(placed)
    this.#options.onSlot(undefined)
    if (clean) pool.putBack(placed.slot)
    else void pool.discard(placed.slot.ref)
  }
}
