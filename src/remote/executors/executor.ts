/*
 * The places where jobs run. An executor outlives the runner: all that passes between them is files, so what is said
 * here in words of calls is, below them, a directory (`control/`, `jobs/`) that the next runner finds again.
 */
import type { Result } from '../../result.ts'
import type { DiskUse } from './disk-use.ts'
import type { ImageFailure, PullProgress } from './images.ts'
import type { Leaf, LeafIdentity } from './leaf.ts'
import type { ImageFacts } from './order.ts'

/** One job, as an executor is handed it. */
export interface Order {
  /** The name of its leaf. */
  execution_id: string
  /** Ties what the supervisor answers to this order. */
  nonce: string
  /** The file that says what to run (order.ts). */
  program: string
  /** The sealed input of a plugin. */
  input?: string
  /** Seconds; 0: for ever. */
  limit: number
  /** Seconds between the signal and KILL. */
  grace: number
  /** `SIGTERM`. */
  signal: string
}

/** Where a job is: what another process needs to find it again. */
export interface Place {
  executor_id: string
  nonce: string
  leaf: LeafIdentity
}

export interface ExecutorFailure {
  /** `files-left`: its container has gone, and not all of its files. */
  reason: 'executor-not-started' | 'executor-lost' | 'files-left' | ImageFailure['reason']
  message: string
  /** What there may still be of one that was not started: it is to be removed when the engine lets it go. */
  left?: Executor
}

/** What an engine says of the container of an executor. */
export interface ContainerFacts {
  running: boolean
  /** Absent as long as it runs, and where it is gone. */
  exit_code?: number
  out_of_memory?: boolean
  /** What the engine could not do. */
  error?: string
}

/** How the name of a shelf ends. */
export const shelfName = (executionId: string) => `.ended.${executionId}`

/** A container in which jobs run one after the other. */
export interface Executor {
  readonly id: string
  readonly image_id: string
  readonly group: string
  /** Made by an earlier process: what it has run before is not known. */
  readonly adopted: boolean
  /** Why it can have no second job, whatever the first one does; undefined where it can, or before the first sweep. */
  readonly unfit: string | undefined
  /** Makes the leaf of a job. Throws system errors. */
  makeLeaf(order: Order): Leaf
  /** Opens the leaf of a job that was handed over, here or by an earlier process. */
  openLeaf(executionId: string, place: Place): Result<Leaf, ExecutorFailure>
  /** Opens the log of a job that was handed over, as it was written, from the beginning; the caller closes it. */
  openLog(executionId: string, leaf: Leaf): Result<number, unknown>
  /** Removes the leaf of a job that was never started, or has ended. False: it was not there, or some of it still is. */
  removeLeaf(executionId: string, identity: LeafIdentity): Promise<boolean>
  /** Hands it over. Once. */
  start(order: Order): Result<void, ExecutorFailure>
  /** Asks for the end of the job that runs; false where nobody hears it. Twice is once. */
  cancel(nonce: string): boolean
  /** Whether somebody lives there to take orders; asks no engine. */
  lives(): boolean
  /**
   * Takes the leaf, and into it the log, out of the container's sight, to `path`. Throws where that cannot be done (EXDEV:
   * another disk), or something else has its name.
   */
  takeLeaf(executionId: string, identity: LeafIdentity, path: string): void
  /** A path on its disk that no container sees, for a leaf whose job has ended. */
  shelf(executionId: string): string
  /** After a job: empties what jobs share; false where not all is as it was, and the executor has to go. */
  sweep(): Promise<boolean>
  facts(): Promise<Result<ContainerFacts, ExecutorFailure>>
  /** Whether the kernel ended something in it for want of memory, since then. */
  ranOutOfMemory(since: Date): Promise<boolean>
  /** What is on disk of it, all jobs and volumes included; while its engine is away less what that alone knows. */
  diskUse(): Promise<DiskUse>
  /** Bytes that are free on the disks that it writes to. */
  freeDisk(): number
  /** Ends it at once; it is still to be removed. */
  kill(): Promise<Result<void, ExecutorFailure>>
  /** Removes container and files; an executor that is gone is fine. */
  remove(): Promise<Result<void, ExecutorFailure>>
}

/** A kind of place: an engine on this host. */
export interface Executors {
  /** Gets an image, if need be from its registry. */
  prepare(
    reference: string,
    onProgress?: (progress: PullProgress) => void,
    signal?: AbortSignal,
  ): Promise<Result<ImageFacts, ImageFailure>>
  /** Starts an executor, for one job or for several; resolves when it takes orders. */
  launch(image: ImageFacts, group: string, again: boolean): Promise<Result<Executor, ExecutorFailure>>
  /** Those of earlier processes: all that carry this runner's name, alive or dead. */
  adopt(): Promise<Result<Executor[], ExecutorFailure>>
}
