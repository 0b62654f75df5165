import type { ServerResponse } from 'node:http'
import type { Clock } from '../edges.ts'
import type { Reservation } from '../protocol/messages.ts'
import type { Result } from '../result.ts'
import type { HttpRefusal } from './http-problems.ts'
import { answerJson, answerNothing, answerRefusal } from './raw-answer.ts'
import type { Topic } from './store/store.ts'

/** A runner that waits for work. */
export interface Waiter {
  runner_id: string
  session: number
  slots: number
  token_id: string
  request_id: string
  response: ServerResponse
  /** Monotonic seconds. */
  until: number
}

/** What a round of dispatch came to, for those who were served. */
export interface Served {
  answers: ReadonlyMap<string, Result<Reservation[], HttpRefusal>>
  /** Whether something may be left for those who were not. */
  more: boolean
}

/** One writer for all these waiters. */
export type Serve = (waiters: readonly Waiter[]) => Promise<Served>

/** Waiters that one writer serves. */
const batch = 128
/** Seconds between two looks at who has waited long enough. */
const lookEvery = 0.1

const waiterOf = Symbol('waiter')
type Held = ServerResponse & { [waiterOf]?: { waiter: Waiter; polls: Polls } }

/**
 * Who waits for work: at most one call for each runner, since a newer one ends the older. At most one round of
 * dispatch runs at a time, so that those who are woken together are served together.
 */
export class Polls {
  readonly #serve: Serve
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  /** The longest waiting first. */
  readonly #waiters = new Map<string, Waiter>()
  /** Whom the next round is for. */
  readonly #asked = new Set<string>()
  /** Whether something was queued that any of them may take. */
  #anyone = false
  /** Whom this pass over all waiters has served already, as long as it goes on. */
  #passed: Set<Waiter> | undefined
  #serving = new Set<Waiter>()
  #round: Promise<void> | undefined
  #timer: Promise<void> | undefined
  readonly #stop: AbortSignal

  constructor(serve: Serve, clock: Clock, stop: AbortSignal, onError: (error: unknown) => void) {
    this.#serve = serve
    this.#clock = clock
    this.#stop = stop
    this.#onError = onError
    stop.addEventListener('abort', () => this.endAll(), { once: true })
  }

  get size(): number {
    return this.#waiters.size
  }

  /** Takes a call over: it is answered when there is work, when its time is up, or when a newer one comes. */
  wait(waiter: Waiter): void {
    const { response, runner_id } = waiter
    if (this.#stop.aborted || response.destroyed) return void answerNothing(response)
    const older = this.#waiters.get(runner_id)
    if (older !== undefined) this.#end(older)
    this.#waiters.set(runner_id, waiter)
    ;(response as Held)[waiterOf] = { waiter, polls: this }
    response.on('close', forget)
    this.#asked.add(runner_id)
    this.#turn()
    this.#timer ??= this.#watchTime()
  }

  /** Wakes those whom a change may concern. */
  wake(topic: Topic): void {
    if (this.#waiters.size === 0) return
    if (topic.about === 'queue') this.#anyone = true
    else {
      const id = topic.about === 'slot' ? topic.runner_id : topic.about === 'runner' ? topic.id : undefined
      if (id === undefined || !this.#waiters.has(id)) return
      this.#asked.add(id)
    }
    this.#turn()
  }

  /** Ends the calls that were made with tokens that are not valid any more. */
  endWhere(revoked: (waiter: Waiter) => boolean, refusal: HttpRefusal): void {
    for (const waiter of [...this.#waiters.values()])
      if (revoked(waiter)) {
        this.#forget(waiter)
        answerRefusal(waiter.response, refusal, waiter.request_id)
      }
  }

  tokens(): Set<string> {
    return new Set([...this.#waiters.values()].map(waiter => waiter.token_id))
  }

  /** Answers everybody that there is nothing. */
  endAll(): void {
    for (const waiter of [...this.#waiters.values()]) this.#end(waiter)
  }

  /** Resolves when no round is under way. */
  async settled(): Promise<void> {
    await this.#round
  }

  #turn(): void {
    this.#round ??= this.#rounds().finally(() => {
      this.#round = undefined
    })
  }

  async #rounds(): Promise<void> {
    // What is asked for in this turn of the event loop is one round.
    await Promise.resolve()
    while (!this.#stop.aborted) {
      const waiters = this.#next()
      if (waiters.length === 0) return
      this.#serving = new Set(waiters)
      try {
        const { answers, more } = await this.#serve(waiters)
        for (const waiter of waiters) this.#answer(waiter, answers.get(waiter.runner_id))
        if (!more) this.#passed = undefined
      } catch (error) {
        this.#onError(error)
        for (const waiter of waiters) this.#answer(waiter, { ok: false, failure: { reason: 'unavailable' } })
      }
      this.#serving.clear()
    }
  }

  /** Those who asked, and as long as there may be work for anyone, the longest waiting. */
  #next(): Waiter[] {
    const chosen: Waiter[] = []
    for (const id of this.#asked) {
      if (chosen.length === batch) break
      this.#asked.delete(id)
      const waiter = this.#waiters.get(id)
      if (waiter !== undefined) chosen.push(waiter)
    }
    if (this.#anyone) {
      this.#anyone = false
      this.#passed = new Set()
    }
    if (this.#passed === undefined) return chosen
    for (const waiter of this.#waiters.values()) {
      if (chosen.length === batch) return chosen
      if (this.#passed.has(waiter) || chosen.includes(waiter)) continue
      chosen.push(waiter)
    }
    for (const waiter of chosen) this.#passed.add(waiter)
    if (chosen.length < batch) this.#passed = undefined
    return chosen
  }

  #answer(waiter: Waiter, answer: Result<Reservation[], HttpRefusal> | undefined): void {
    // Gone meanwhile, or replaced: what it was given is handed to the next call, as reserved and not confirmed.
    if (this.#waiters.get(waiter.runner_id) !== waiter) return
    if (answer === undefined || (answer.ok && answer.value.length === 0)) {
      if (waiter.until <= this.#clock.monotonic()) this.#end(waiter)
      return
    }
    this.#forget(waiter)
    if (answer.ok) answerJson(waiter.response, { executions: answer.value })
    else answerRefusal(waiter.response, answer.failure, waiter.request_id)
  }

  #end(waiter: Waiter): void {
    this.#forget(waiter)
    answerNothing(waiter.response)
  }

  #forget(waiter: Waiter): void {
    waiter.response.off('close', forget)
    delete (waiter.response as Held)[waiterOf]
    if (this.#waiters.get(waiter.runner_id) === waiter) this.#waiters.delete(waiter.runner_id)
  }

  /** For `forget`. */
  gone(waiter: Waiter): void {
    this.#forget(waiter)
  }

  async #watchTime(): Promise<void> {
    while (this.#waiters.size > 0 && !this.#stop.aborted) {
      await this.#clock.sleep(lookEvery, this.#stop)
      const now = this.#clock.monotonic()
      // One that is being served is answered by its round.
      for (const waiter of [...this.#waiters.values()])
        if (waiter.until <= now && !this.#serving.has(waiter)) this.#end(waiter)
    }
    this.#timer = undefined
  }
}

/** One function for all, so that a waiter costs no closure. */
function forget(this: Held): void {
  const held = this[waiterOf]
  held?.polls.gone(held.waiter)
}
