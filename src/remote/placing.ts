/*
 * Where a job is to run: its image, an executor, its files in that. All of it can be taken back as long as no order was
 * given, so it may begin before the job is this runner's.
 */
import { fail, type Result } from '../result.ts'
import { aborted, sent } from './bell.ts'
import { type Placed, placeJob, type StartFailure, takeBack } from './execution.ts'
import type { Workshop } from './executor-host.ts'
import type { Executor } from './executors/executor.ts'
import type { ImageFailure, PullProgress } from './executors/images.ts'
import type { ImageFacts } from './executors/order.ts'
import type { Room } from './room.ts'
import type { Execution } from './spool.ts'

export interface PlacingOptions {
  room: Room
  execution: Execution
  onPull(progress: PullProgress): void
  /** It is about to be put into this one. */
  onExecutor(executor: Executor): void
}

/** What could be done before there was a right to more. */
export interface Early {
  image: Result<ImageFacts, ImageFailure>
  /** Undefined: no executor of its image was idle. */
  placed: Result<Placed, StartFailure> | undefined
}

/**
 * While the server confirms: looks for the image of the job, makes its record last meanwhile, and where an executor is
 * idle, puts it into that. Nothing is started, evicted or waited for but the image. Undefined: the engine has not worked
 * yet, or it was stopped.
 */
export async function placeEarly(options: PlacingOptions, stop: AbortSignal): Promise<Early | undefined> {
  const { room, execution } = options
  const { workshop } = room.host
  const looked = workshop?.executors.prepare(execution.job.image, options.onPull, stop)
  // The server is asked meanwhile, and the disk is waited for beside both.
  await sent()
  // Without that it gets no place; who tries to give it one says why.
  execution.makeLast().catch(() => {})
  // Another job may have an image pulled for longer than this one is wanted.
  const image = await Promise.race([looked, aborted(stop)])
  if (workshop === undefined || !image || stop.aborted) return undefined
  if (!image.ok) return { image, placed: undefined }
  const idle = workshop.pool.takeIdle(image.value, execution.job.runner_group)
  return { image, placed: idle && (await placeIn(options, workshop, idle, image.value)) }
}

/** Gets an image and an executor, and puts the job into it; waits for as long as that takes. */
export async function place(
  options: PlacingOptions,
  workshop: Workshop,
  known: Early['image'] | undefined,
  stop: AbortSignal,
): Promise<Result<Placed, StartFailure>> {
  const { job } = options.execution
  const image = known ?? (await workshop.executors.prepare(job.image, options.onPull, stop))
  if (!image.ok) return image
  if (stop.aborted) return fail({ reason: 'executor-lost', message: 'ended' })
  const taken = await workshop.pool.take(image.value, job.runner_group, stop)
  return taken.ok ? placeIn(options, workshop, taken.value, image.value) : taken
}

async function placeIn(
  { room: { edges, images }, execution, onExecutor }: PlacingOptions,
  { pool }: Workshop,
  executor: Executor,
  image: ImageFacts,
): Promise<Result<Placed, StartFailure>> {
  onExecutor(executor)
  images.set(image.id, execution.job.image)
  const placed = await placeJob(execution, executor, image, edges.chance.id())
  if (placed.ok) return placed
  // Its words are wrong, and nothing was made of them; else something may be left.
  if (placed.failure.reason === 'no-command' || placed.failure.reason === 'job-invalid')
    pool.putBack(executor)
  else void pool.discard(executor)
  return placed
}

/** It is not started after all: its executor is there for others, as it was. */
export async function unplace(placed: Placed, { pool }: Workshop): Promise<void> {
  if (await takeBack(placed)) pool.putBack(placed.executor)
  else void pool.discard(placed.executor)
}
