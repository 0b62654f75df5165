/*
 * Where a job is to run: its image, an executor, its files in that. All of it can be taken back as long as no order was
 * given, so it may begin before the job is this runner's.
 */
import { fail, type Result } from '../result.ts'
import { aborted, sent } from './bell.ts'
import { type Placed, placeJob, type StartFailure, takeBack } from './execution.ts'
import type { ExecutorHost, Workshop } from './executor-host.ts'
import type { Executor } from './executors/executor.ts'
import type { ImageFailure, PullProgress } from './executors/images.ts'
import type { ImageFacts } from './executors/order.ts'
import type { Room } from './room.ts'
import type { Execution } from './spool.ts'

export interface PlacingOptions {
  room: Pick<Room, 'edges' | 'images'> & { host: Pick<ExecutorHost, 'workshop' | 'problem'> }
  execution: Execution
  onPull(progress: PullProgress): void
  /** It is about to be put into this one; undefined: it is in none. */
  onExecutor(executor: Executor | undefined): void
}

/** What could be done before there was a right to more. */
interface Early {
  image: Result<ImageFacts, ImageFailure>
  /** Undefined: no executor of its image was idle. */
  placed: Result<Placed, StartFailure> | undefined
}

const ended = fail({ reason: 'executor-lost' as const, message: 'ended' })

export class Placing {
  readonly #options: PlacingOptions
  #early: Promise<Early | undefined> | undefined

  constructor(options: PlacingOptions) {
    this.#options = options
  }

  /**
   * While the server confirms: looks for the image of the job, makes its record last meanwhile, and where an executor is
   * idle, puts it into that. Nothing is started, evicted or waited for but the image.
   */
  begin(stop: AbortSignal): void {
    this.#early = this.#placeEarly(stop)
  }

  /** It is not this runner's, or is to end before it has begun: nothing is left of what was done for it. */
  async undo(): Promise<void> {
    const early = await this.#early
    this.#early = undefined
    const { workshop } = this.#options.room.host
    if (early?.placed?.ok && workshop !== undefined) await this.#takeBack(early.placed.value, workshop)
  }

  /** Gets an image and an executor, and puts the job into it; waits for as long as that takes. */
  async place(stop: AbortSignal): Promise<Result<Placed, StartFailure>> {
    const early = await this.#early
    const { workshop, problem } = this.#options.room.host
    if (workshop === undefined || stop.aborted) {
      await this.undo()
      return fail({ reason: 'engine-unreachable', message: problem ?? 'ended' })
    }
    this.#early = undefined
    const placed = early?.placed ?? (await this.#place(workshop, early?.image, stop))
    // It may have been asked to end while the disk was waited for.
    if (!placed.ok || !stop.aborted) return placed
    await this.#takeBack(placed.value, workshop)
    return ended
  }

  async #placeEarly(stop: AbortSignal): Promise<Early | undefined> {
    const { room, execution, onPull } = this.#options
    const { workshop } = room.host
    const looked = workshop?.executors.prepare(execution.job.image, onPull, stop)
    // The server is asked meanwhile, and the disk is waited for beside both.
    await sent()
    // Without that it gets no place; who tries to give it one says why.
    execution.makeLast().catch(() => {})
    // Another job may have an image pulled for longer than this one is wanted.
    const image = await Promise.race([looked, aborted(stop)])
    if (workshop === undefined || !image || stop.aborted) return undefined
    if (!image.ok) return { image, placed: undefined }
    const idle = workshop.pool.takeIdle(image.value, execution.job.runner_group, execution.job.reuse_key)
    return { image, placed: idle && (await this.#placeIn(workshop, idle, image.value)) }
  }

  async #place(
    workshop: Workshop,
    known: Early['image'] | undefined,
    stop: AbortSignal,
  ): Promise<Result<Placed, StartFailure>> {
    const { execution, onPull } = this.#options
    const { job } = execution
    const image = known ?? (await workshop.executors.prepare(job.image, onPull, stop))
    if (!image.ok) return image
    if (stop.aborted) return ended
    const taken = await workshop.pool.take(image.value, job.runner_group, job.reuse_key, stop)
    return taken.ok ? this.#placeIn(workshop, taken.value, image.value) : taken
  }

  async #placeIn(
    { pool }: Workshop,
    executor: Executor,
    image: ImageFacts,
  ): Promise<Result<Placed, StartFailure>> {
    const { room, execution, onExecutor } = this.#options
    onExecutor(executor)
    room.images.set(image.id, execution.job.image)
    const placed = await placeJob(execution, executor, image, room.edges.chance.id())
    if (placed.ok) return placed
    onExecutor(undefined)
    // Its words are wrong, and nothing was made of them; else something may be left.
    if (placed.failure.reason === 'no-command' || placed.failure.reason === 'job-invalid')
      pool.putBack(executor)
    else void pool.discard(executor)
    return placed
  }

  /** It is not started after all: its executor is there for others, as it was. */
  async #takeBack(placed: Placed, { pool }: Workshop): Promise<void> {
    const clean = await takeBack(placed)
    this.#options.onExecutor(undefined)
    if (clean) pool.putBack(placed.executor)
    else void pool.discard(placed.executor)
  }
}
