import type { Edges } from '../edges.ts'
import { fail, ok, type Result } from '../result.ts'
import type { Executor, ExecutorFailure, Executors } from './executors/executor.ts'
import type { ImageFacts } from './executors/order.ts'
import {
  type Choice,
  choose,
  type Expected,
  expired,
  freeSlots,
  mayStay,
  nextExpiry,
  type PoolSettings,
  type Seat,
} from './pool.ts'

const never = { idle_since: 0, checking_since: 0, awaited: false }

/** Longest pause, in seconds, between two tries to remove a container that the engine does not let go of. */
const longestPause = 60

/**
 * The executors of this process: takes one for each job, looks it over when the job has ended, evicts idle ones.
 * What pool.ts decides is done here.
 */
export class ExecutorPool implements AsyncDisposable {
  /** Hears when something about the seats has changed. */
  onChange: () => void = () => {}
  /** Hears what of an executor could not be removed; the next start tries it again. */
  onLeft: (message: string) => void = () => {}
  readonly #executors: Executors
  readonly #edges: Edges
  readonly #seats = new Map<string, Seat & { executor: Executor | undefined }>()
  readonly #work = new Set<Promise<unknown>>()
  readonly #closing = new AbortController()
  #settings: PoolSettings
  #changed = Promise.withResolvers<void>()
  #watch: AbortController | undefined
  #launches = 0
  /** By image id, of what was seen last. */
  readonly #expected = new Map<string, Expected>()
  #shut = false

  constructor(executors: Executors, settings: PoolSettings, edges: Edges) {
    this.#executors = executors
    this.#settings = settings
    this.#edges = edges
  }

  get seats(): readonly Seat[] {
    return [...this.#seats.values()]
  }

  get freeSlots(): number {
    return freeSlots(this.seats, this.#settings)
  }

  /** The server's word, which may change at any time. */
  set settings(settings: PoolSettings) {
    this.#settings = settings
    this.#notify()
  }

  /**
   * Takes an executor for a job: an idle one, else one that is being looked over and expected sooner than a new one, else a
   * new one, else one in the place of another. Waits for room.
   */
  async take(
    image: ImageFacts,
    group: string,
    reuseKey: string | undefined,
    signal: AbortSignal,
  ): Promise<Result<Executor, ExecutorFailure>> {
    for (;;) {
      if (signal.aborted || this.#shut)
        return fail({ reason: 'executor-not-started', message: 'it was asked to end before it had started' })
      const idle = this.takeIdle(image, group, reuseKey)
      if (idle !== undefined) return ok(idle)
      const choice = this.#choose(image, group, reuseKey)
      if ('use' in choice) {
        // It lives no more.
        this.#stop(this.#seats.get(choice.use)!)
        continue
      }
      if ('launch' in choice) return this.#launch(image, group, reuseKey)
      if ('expect' in choice) {
        await this.#awaitCheck(this.#seats.get(choice.expect)!, choice.seconds, signal)
        continue
      }
      if ('evict' in choice) this.#stop(this.#seats.get(choice.evict)!)
      await this.#change(signal)
    }
  }

  /** Waits for the end of a look-over, or for any other change, for at most so long. */
  async #awaitCheck(seat: Seat, seconds: number, signal: AbortSignal): Promise<void> {
    const over = new AbortController()
    const late = this.#edges.clock.sleep(seconds, over.signal)
    seat.awaited = true
    await Promise.race([this.#change(AbortSignal.any([signal, over.signal])), late])
    seat.awaited = false
    over.abort()
  }

  #expectedOf(imageId: string): Expected {
    return this.#expected.get(imageId) ?? { start: 0, look_over: 0 }
  }

  /** Takes an idle one that fits, and lives. */
  takeIdle(image: ImageFacts, group: string, reuseKey: string | undefined): Executor | undefined {
    const choice = this.#choose(image, group, reuseKey)
    if (!('use' in choice) || this.#shut) return undefined
    const seat = this.#seats.get(choice.use)!
    if (!seat.executor?.lives()) return undefined
    seat.state = 'busy'
    seat.jobs++
    return seat.executor
  }

  #choose(image: ImageFacts, group: string, reuse_key: string | undefined): Choice {
    const now = this.#edges.clock.monotonic()
    return choose(
      this.seats,
      { image_id: image.id, group, reuse_key },
      this.#settings,
      now,
      this.#expectedOf(image.id),
    )
  }

  async #launch(
    image: ImageFacts,
    group: string,
    reuse_key: string | undefined,
  ): Promise<Result<Executor, ExecutorFailure>> {
    const key = `launch ${++this.#launches}`
    const seat = { executor_id: key, image_id: image.id, group, reuse_key, jobs: 1, ...never }
    this.#seats.set(key, { ...seat, state: 'starting', executor: undefined })
    const began = this.#edges.clock.monotonic()
    const launched = await this.#executors.launch(image, group, reuse_key !== undefined)
    this.#seats.delete(key)
    if (launched.ok) {
      const executor = launched.value
      const start = this.#edges.clock.monotonic() - began
      if (reuse_key !== undefined) this.#expected.set(image.id, { ...this.#expectedOf(image.id), start })
      this.#seats.set(executor.id, { ...seat, executor_id: executor.id, state: 'busy', executor })
    } else {
      const { left } = launched.failure
      if (left !== undefined) this.remove(left)
      this.#notify()
    }
    return launched
  }

  /** Takes over one of an earlier process, for the job that runs in it; it is not used again after that. */
  adopt(executor: Executor): void {
    const { id, image_id, group } = executor
    const seat = { executor_id: id, image_id, group, reuse_key: undefined, jobs: 1, ...never }
    this.#seats.set(id, { ...seat, state: 'busy', executor })
  }

  /** Removes one that is none of the pool's, however often that has to be tried; it takes a place until it is gone. */
  remove(executor: Executor): void {
    const { id, image_id, group } = executor
    if (this.#seats.has(id)) return
    const seat = {
      executor_id: id,
      image_id,
      group,
      reuse_key: undefined,
      jobs: 0,
      ...never,
      state: 'busy' as const,
      executor,
    }
    this.#seats.set(id, seat)
    this.#stop(this.#seats.get(id)!)
  }

  /** It was taken and no job was started in it: keeps it as it is, where another job may have it. */
  putBack(executor: Executor): void {
    const seat = this.#seats.get(executor.id)
    if (seat === undefined || seat.state !== 'busy') return
    if (this.#shut || seat.reuse_key === undefined) {
      this.#stop(seat)
      return
    }
    seat.jobs--
    this.#keep(seat)
  }

  /** The job has ended, and its leaf is out of it: looks the executor over, and keeps it or removes it. */
  giveBack(executor: Executor): void {
    const seat = this.#seats.get(executor.id)
    if (seat === undefined || seat.state !== 'busy') return
    if (!mayStay(seat, this.#settings)) {
      this.#stop(seat)
      return
    }
    seat.state = 'checking'
    seat.checking_since = this.#edges.clock.monotonic()
    this.#notify()
    this.#track(
      executor.sweep().then(clean => {
        const look_over = clean
          ? this.#edges.clock.monotonic() - seat.checking_since
          : Number.POSITIVE_INFINITY
        this.#expected.set(seat.image_id, { ...this.#expectedOf(seat.image_id), look_over })
        if (!clean || this.#shut) {
          this.#stop(seat)
          this.#notify()
          return
        }
        this.#keep(seat)
      }),
    )
  }

  #keep(seat: Seat): void {
    seat.state = 'idle'
    seat.idle_since = this.#edges.clock.monotonic()
    this.#notify()
  }

  /** Removes an executor, whatever it is at; resolves when it is gone. */
  async discard(executor: Executor): Promise<void> {
    const seat = this.#seats.get(executor.id)
    if (seat === undefined) return void (await executor.remove())
    this.#stop(seat)
    while (this.#seats.has(executor.id)) await this.#change(this.#closing.signal)
  }

  #stop(seat: Seat & { executor: Executor | undefined }): void {
    if (seat.state === 'stopping') return
    seat.state = 'stopping'
    this.#track(this.#remove(seat))
  }

  async #remove(seat: Seat & { executor: Executor | undefined }): Promise<void> {
    for (let pause = 1; ; pause = Math.min(pause * 2, longestPause)) {
      const removed = await seat.executor?.remove()
      // What the engine does not let go of when we end is swept up at the next start.
      if (removed?.ok !== false || this.#closing.signal.aborted) break
      // Its container has gone: it takes no place any more.
      if (removed.failure.reason === 'files-left') {
        this.onLeft(removed.failure.message)
        break
      }
      await this.#edges.clock.sleep(pause, this.#closing.signal)
    }
    this.#seats.delete(seat.executor_id)
    this.#notify()
  }

  #track(work: Promise<unknown>): void {
    this.#work.add(work)
    void work.finally(() => this.#work.delete(work))
  }

  #notify(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
    this.onChange()
    this.#watch?.abort()
    if (this.#closing.signal.aborted) return
    const watch = new AbortController()
    this.#watch = watch
    const wait = nextExpiry(this.seats, this.#edges.clock.monotonic(), this.#settings)
    if (wait === undefined) return
    void this.#edges.clock.sleep(wait, watch.signal).then(() => {
      if (!watch.signal.aborted) this.#evict()
    })
  }

  #evict(): void {
    for (const id of expired(this.seats, this.#edges.clock.monotonic(), this.#settings))
      this.#stop(this.#seats.get(id)!)
    this.#notify()
  }

  async #change(signal: AbortSignal): Promise<void> {
    const over = Promise.withResolvers<void>()
    const stop = () => over.resolve()
    signal.addEventListener('abort', stop, { once: true })
    await Promise.race([this.#changed.promise, over.promise])
    signal.removeEventListener('abort', stop)
  }

  /** Tries no more to remove what the engine does not let go of. */
  giveUp(): void {
    this.#closing.abort()
  }

  /** Removes the idle ones and waits for what is under way; those that are busy run on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#shut = true
    for (const seat of this.#seats.values()) if (seat.state === 'idle') this.#stop(seat)
    while (this.#work.size > 0) await Promise.allSettled([...this.#work])
    this.#closing.abort()
    this.#watch?.abort()
    this.#changed.resolve()
  }
}
