import type { Edges } from '../../edges.ts'
import { fail, ok, type Result } from '../../result.ts'
import { Notifier, pause } from '../../system/wait.ts'
import type { ExecutorBackend, Failure, Prepared, Slot, SlotRef } from '../executors/executor.ts'
import {
  type Choice,
  choose,
  type Expected,
  expired,
  freeSlots,
  mayStay,
  nextExpiry,
  type PooledSlot,
  type PoolSettings,
} from './policy.ts'

/** Longest pause, in seconds, between two tries to close a slot that the backend does not let go of. */
const longestPause = 60

export interface PoolOptions {
  backend: Pick<ExecutorBackend, 'open' | 'close'>
  settings: PoolSettings
  edges: Edges
  /** Hears when something about the slots has changed. */
  onChange?: (() => void) | undefined
  /** Hears what of a slot could not be removed; the next start tries it again. */
  onLeft?: ((message: string) => void) | undefined
}

/** A slot with the pool's own notes about it. */
interface Entry extends PooledSlot {
  /** Absent of one that is being opened. */
  ref: SlotRef | undefined
  /** Absent of one of an earlier process, which gets no more jobs. */
  slot: Slot | undefined
}

/**
 * The slots of this process: takes one for each job, has it looked over when the job has ended, evicts idle
 * ones. policy.ts makes the decisions.
 */
export class SlotPool implements AsyncDisposable {
  readonly #options: PoolOptions
  readonly #entries = new Map<string, Entry>()
  /**
   * Cleaning and closing that is under way; opening is not here, because the caller that takes a slot waits
   * for it.
   */
  readonly #underWay = new Set<Promise<unknown>>()
  /** Aborts when nothing is tried again any more. */
  readonly #closing = new AbortController()
  #settings: PoolSettings
  readonly #changed = new Notifier()
  #expiry: AbortController | undefined
  /** The durations that were seen last, by the key of a slot. */
  readonly #expected = new Map<string, Expected>()
  #shut = false

  constructor(options: PoolOptions) {
    this.#options = options
    this.#settings = options.settings
  }

  get slots(): readonly PooledSlot[] {
    return [...this.#entries.values()]
  }

  get freeSlots(): number {
    return freeSlots(this.slots, this.#settings)
  }

  /** Applies the settings of the server, which may change at any time. */
  configure(settings: PoolSettings): void {
    this.#settings = settings
    this.#notify()
  }

  /**
   * Takes a slot for a job: an idle one, else one that is being looked over and expected sooner than a new
   * one, else a new one, else one in the place of another. Waits for room. `group` is for people who look at
   * slots.
   */
  async take(
    prepared: Prepared,
    group: string,
    domain: string | undefined,
    signal: AbortSignal,
  ): Promise<Result<Slot, Failure>> {
    for (;;) {
      if (signal.aborted || this.#shut)
        return fail({
          reason: 'executor-not-started',
          message: 'it was asked to end before it had started',
          retry: 'soon',
        })
      const idle = this.takeIdle(prepared, domain)
      if (idle !== undefined) return ok(idle)
      const choice = this.#choose(prepared.key, domain)
      if ('use' in choice) {
        // It lives no more.
        this.#stop(this.#entries.get(choice.use))
        continue
      }
      if ('launch' in choice) return this.#open(prepared, group, domain, signal)
      if ('expect' in choice) {
        await this.#awaitCheck(choice.expect, choice.seconds, signal)
        continue
      }
      if ('evict' in choice) this.#stop(this.#entries.get(choice.evict))
      await this.#change(signal)
    }
  }

  /** Takes an idle slot that fits, and lives. */
  takeIdle({ key }: Prepared, domain: string | undefined): Slot | undefined {
    const choice = this.#choose(key, domain)
    if (!('use' in choice) || this.#shut) return undefined
    const entry = this.#entries.get(choice.use)
    if (!entry?.slot?.alive) return undefined
    entry.state = 'busy'
    entry.jobs++
    return entry.slot
  }

  /** Waits for the end of a look-over, or for any other change, for at most so long. */
  async #awaitCheck(slotId: string, seconds: number, signal: AbortSignal): Promise<void> {
    const entry = this.#entries.get(slotId)
    if (entry === undefined) return
    entry.awaited = true
    await pause(this.#options.edges.clock, seconds, this.#changed, signal)
    entry.awaited = false
  }

  #expectedOf(key: string): Expected {
    return this.#expected.get(key) ?? { start: 0, look_over: 0 }
  }

  #choose(key: string, domain: string | undefined): Choice {
    const now = this.#options.edges.clock.monotonic()
    return choose(this.slots, { key, domain }, this.#settings, now, this.#expectedOf(key))
  }

  async #open(
    prepared: Prepared,
    group: string,
    domain: string | undefined,
    signal: AbortSignal,
  ): Promise<Result<Slot, Failure>> {
    const { backend, edges } = this.#options
    const slotId = edges.chance.id()
    const { key } = prepared
    this.#add({ id: slotId, key }, 'starting', { domain, jobs: 1 })
    const began = edges.clock.monotonic()
    const opened = await backend.open(prepared, { slotId, group, ephemeral: domain === undefined }, signal)
    this.#entries.delete(slotId)
    if (opened.ok) {
      const slot = opened.value
      const start = edges.clock.monotonic() - began
      if (domain !== undefined) this.#expected.set(key, { ...this.#expectedOf(key), start })
      this.#add(slot.ref, 'busy', { domain, jobs: 1, slot })
      return opened
    }
    const { left } = opened.failure
    if (left !== undefined) this.remove(left)
    this.#notify()
    return opened
  }

  #add(ref: SlotRef, state: PooledSlot['state'], known: Partial<Entry>): Entry {
    const entry: Entry = {
      slot_id: ref.id,
      key: ref.key,
      domain: undefined,
      jobs: 0,
      idle_since: 0,
      checking_since: 0,
      awaited: false,
      slot: undefined,
      ref,
      state,
      ...known,
    }
    this.#entries.set(ref.id, entry)
    return entry
  }

  /**
   * Takes over a slot of an earlier process, for the job that runs in it; it gets no other job after that.
   */
  adopt(ref: SlotRef): void {
    this.#add(ref, 'busy', { jobs: 1 })
  }

  /**
   * Closes a slot that is none of the pool's, however often that has to be tried; it takes a place until it
   * is gone.
   */
  remove(ref: SlotRef): void {
    if (!this.#entries.has(ref.id)) this.#stop(this.#add(ref, 'busy', {}))
  }

  /** It was taken and no job was started in it: keeps it as it is, where another job may have it. */
  putBack({ ref }: Slot): void {
    const entry = this.#entries.get(ref.id)
    if (entry?.state !== 'busy') return
    if (this.#shut || entry.domain === undefined) {
      this.#stop(entry)
      return
    }
    entry.jobs--
    this.#keep(entry)
  }

  /** The job has ended, and its files are out of it: has the slot looked over, and keeps it or closes it. */
  giveBack(ref: SlotRef): void {
    const entry = this.#entries.get(ref.id)
    if (entry?.state !== 'busy') return
    const { slot } = entry
    if (slot === undefined || !mayStay(entry, this.#settings)) {
      this.#stop(entry)
      return
    }
    const { clock } = this.#options.edges
    const began = clock.monotonic()
    entry.state = 'checking'
    entry.checking_since = began
    this.#notify()
    this.#track(
      slot.clean().then(verdict => {
        const look_over = verdict === 'clean' ? clock.monotonic() - began : Number.POSITIVE_INFINITY
        this.#expected.set(entry.key, { ...this.#expectedOf(entry.key), look_over })
        if (verdict === 'spoiled' || this.#shut) {
          this.#stop(entry)
          this.#notify()
          return
        }
        this.#keep(entry)
      }),
    )
  }

  #keep(entry: Entry): void {
    entry.state = 'idle'
    entry.idle_since = this.#options.edges.clock.monotonic()
    this.#notify()
  }

  /** Closes a slot, whatever it is at; resolves when it is gone. */
  async discard(ref: SlotRef): Promise<void> {
    const entry = this.#entries.get(ref.id)
    if (entry === undefined) return void (await this.#options.backend.close(ref))
    this.#stop(entry)
    while (this.#entries.has(ref.id) && !this.#closing.signal.aborted)
      await this.#change(this.#closing.signal)
  }

  #stop(entry: Entry | undefined): void {
    if (entry === undefined || entry.state === 'stopping') return
    entry.state = 'stopping'
    this.#track(this.#close(entry))
  }

  async #close({ slot_id, ref }: Entry): Promise<void> {
    const { backend, edges, onLeft } = this.#options
    for (let wait = 1; ref !== undefined; wait = Math.min(wait * 2, longestPause)) {
      const closed = await backend.close(ref)
      // A slot that the backend does not release at the end of this process is closed at the next start.
      if (closed.ok || this.#closing.signal.aborted) break
      // The slot has gone: it takes no place any more.
      if (closed.failure.reason === 'files-left') {
        onLeft?.(closed.failure.message)
        break
      }
      await edges.clock.sleep(wait, this.#closing.signal)
    }
    this.#entries.delete(slot_id)
    this.#notify()
  }

  #track(work: Promise<unknown>): void {
    this.#underWay.add(work)
    void work.finally(() => this.#underWay.delete(work))
  }

  #notify(): void {
    const { clock } = this.#options.edges
    this.#changed.notify()
    this.#options.onChange?.()
    this.#expiry?.abort()
    if (this.#closing.signal.aborted) return
    const expiry = new AbortController()
    this.#expiry = expiry
    const wait = nextExpiry(this.slots, clock.monotonic(), this.#settings)
    if (wait === undefined) return
    void clock.sleep(wait, expiry.signal).then(() => {
      if (!expiry.signal.aborted) this.#evict()
    })
  }

  #evict(): void {
    for (const id of expired(this.slots, this.#options.edges.clock.monotonic(), this.#settings))
      this.#stop(this.#entries.get(id))
    this.#notify()
  }

  #change(signal: AbortSignal): Promise<void> {
    return pause(this.#options.edges.clock, Number.POSITIVE_INFINITY, this.#changed, signal)
  }

  /** Tries no more to close what the backend does not let go of. */
  giveUp(): void {
    this.#closing.abort()
  }

  /** Closes the idle slots and waits for what is under way; those that are busy run on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#shut = true
    for (const entry of this.#entries.values()) if (entry.state === 'idle') this.#stop(entry)
    while (this.#underWay.size > 0) await Promise.allSettled([...this.#underWay])
    this.#closing.abort()
    this.#expiry?.abort()
    this.#changed.notify()
  }
}
