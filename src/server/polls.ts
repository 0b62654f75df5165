import type { ServerResponse } from 'node:http'
import type { Clock } from '../edges.ts'
import type { Reservation } from '../protocol/messages.ts'
import type { Result } from '../result.ts'
import { type Crew, suitsAny } from './crew.ts'
import type { HttpRefusal } from './http-problems.ts'
import { answerJson, answerNothing, answerRefusal } from './raw-answer.ts'
import type { TokenRow, Topic } from './store/store.ts'

/** A runner that waits for work. */
export interface Waiter {
  runner_id: string
  token: TokenRow
  /** `Runner-Session`. */
  session: number
  slots: number
  request_id: string
  response: ServerResponse
  /** Monotonic seconds. */
  until: number
  /** What its runner can take (crew.ts), as it was last looked at; undefined before that. */
  crew?: Crew
}

/** A waiter in a round of dispatch. */
export interface Turn {
  waiter: Waiter
  /** It was in one before, and has only waited since. */
  again: boolean
  /** Something about its runner has changed. */
  changed: boolean
}

/** What a round of dispatch came to. */
export interface Served {
  /** What waiters get, or why they can get nothing any more. */
  answers: ReadonlyMap<Waiter, Result<Reservation[], HttpRefusal>>
  /** The queues in which something is left, where that was asked. */
  left: readonly string[]
}

/** One writer for all these waiters; `more`: others may be offered what they leave. */
export type Serve = (turns: readonly Turn[], more: boolean) => Promise<Served>

/** Waiters of one round, beside those who must be in it: of thousands few are needed for what is queued. */
const batch = 128
/** Seconds between two looks at who has waited long enough. */
const lookEvery = 0.1

const waiterOf = Symbol('waiter')
type Held = ServerResponse & { [waiterOf]?: { waiter: Waiter; polls: Polls } }

/**
 * Who waits for work: at most one call for each runner, since a newer one ends the older. At most one round of
 * dispatch runs at a time, so that those who come or are woken together are served together.
 */
export class Polls {
  readonly #serve: Serve
  readonly #clock: Clock
  readonly #stop: AbortSignal
  readonly #onError: (error: unknown) => void
  /** The longest waiting first. */
  readonly #waiters = new Map<string, Waiter>()
  /** Those who have not been in a round yet, and those whom a change concerns. */
  #fresh = new Set<Waiter>()
  #woken = new Set<Waiter>()
  /** Queues into which something came. */
  #queues = new Set<string>()
  /** Who has been offered what is in these queues; the others come next, the longest waiting first. */
  #pass: { queues: ReadonlySet<string>; offered: Set<Waiter> } | undefined
  #inRound: ReadonlySet<Waiter> = new Set()
  #round: Promise<void> | undefined
  #watch: Promise<void> | undefined

  constructor(serve: Serve, clock: Clock, stop: AbortSignal, onError: (error: unknown) => void) {
    this.#serve = serve
    this.#clock = clock
    this.#stop = stop
    this.#onError = onError
    stop.addEventListener('abort', () => this.#endAll(), { once: true })
  }

  get size(): number {
    return this.#waiters.size
  }

  /** Whether a call of this session waits. */
  isWaiting({ runner_id, session }: { runner_id: string; session: number }): boolean {
    return this.#waiters.get(runner_id)?.token.session === session
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
    this.#fresh.add(waiter)
    this.#turn()
    this.#watch ??= this.#watchTime()
  }

  /** Wakes those whom a change may concern. */
  wake(topic: Topic): void {
    if (this.#waiters.size === 0) return
    if (topic.about === 'queue') this.#queues.add(topic.queue)
    else {
      const id = topic.about === 'runner' ? topic.id : topic.about === 'slot' ? topic.runner_id : ''
      const waiter = this.#waiters.get(id)
      if (waiter === undefined) return
      this.#woken.add(waiter)
    }
    this.#turn()
  }

  /** The ids of the tokens that calls were made with. */
  tokens(): Set<string> {
    return new Set([...this.#waiters.values()].map(waiter => waiter.token.id))
  }

  /** Refuses the calls that were made with tokens that are not valid any more. */
  refuseWhere(revoked: (tokenId: string) => boolean, refusal: HttpRefusal): void {
    for (const waiter of [...this.#waiters.values()])
      if (revoked(waiter.token.id)) {
        this.forget(waiter)
        answerRefusal(waiter.response, refusal, waiter.request_id)
      }
  }

  /** Resolves when no round is under way. */
  async settled(): Promise<void> {
    await this.#round
  }

  #turn(): void {
    this.#round ??= this.#rounds()
  }

  async #rounds(): Promise<void> {
    // What comes in this turn of the event loop is one round.
    await Promise.resolve()
    for (;;) {
      const turns = this.#next()
      if (turns.length === 0) {
        // At once: what comes later begins another round.
        this.#round = undefined
        return
      }
      this.#inRound = new Set(turns.map(({ waiter }) => waiter))
      try {
        const { answers, left } = await this.#serve(turns, this.#pass !== undefined)
        if (!left.some(queue => this.#pass?.queues.has(queue))) this.#pass = undefined
        for (const { waiter } of turns) this.#answer(waiter, answers.get(waiter))
      } catch (error) {
        this.#onError(error)
        for (const { waiter } of turns)
          this.#answer(waiter, { ok: false, failure: { reason: 'unavailable' } })
      }
      this.#inRound = new Set()
    }
  }

  /** Whom the next round is for: those who came or were woken, and some of those who may take what was queued. */
  #next(): Turn[] {
    const [fresh, woken] = [this.#fresh, this.#woken]
    const turns: Turn[] = []
    for (const waiter of new Set([...fresh, ...woken]))
      if (this.#waiters.get(waiter.runner_id) === waiter)
        turns.push({ waiter, again: !fresh.has(waiter), changed: woken.has(waiter) })
    this.#fresh = new Set()
    this.#woken = new Set()
    if (this.#queues.size > 0)
      this.#pass = { queues: new Set([...this.#queues, ...(this.#pass?.queues ?? [])]), offered: new Set() }
    this.#queues = new Set()
    if (this.#pass === undefined) return turns
    const { queues, offered } = this.#pass
    for (const { waiter } of turns) offered.add(waiter)
    const must = turns.length
    for (const waiter of this.#waiters.values()) {
      if (offered.has(waiter) || (waiter.crew !== undefined && !suitsAny(waiter.crew, queues))) continue
      if (turns.length === must + batch) return turns
      offered.add(waiter)
      turns.push({ waiter, again: true, changed: false })
    }
    this.#pass = undefined
    return turns
  }

  #answer(waiter: Waiter, answer: Result<Reservation[], HttpRefusal> | undefined): void {
    // Gone meanwhile, or replaced: what it was given is handed to the next call, as reserved and not confirmed.
    if (this.#waiters.get(waiter.runner_id) !== waiter) return
    if (answer === undefined || (answer.ok && answer.value.length === 0)) {
      if (waiter.until <= this.#clock.monotonic()) this.#end(waiter)
      return
    }
    this.forget(waiter)
    if (answer.ok) answerJson(waiter.response, { executions: answer.value })
    else answerRefusal(waiter.response, answer.failure, waiter.request_id)
  }

  /** Answers that there is nothing. */
  #end(waiter: Waiter): void {
    this.forget(waiter)
    answerNothing(waiter.response)
  }

  #endAll(): void {
    for (const waiter of [...this.#waiters.values()]) this.#end(waiter)
  }

  /** Frees the place of a waiter, whatever becomes of its call. */
  forget(waiter: Waiter): void {
    waiter.response.off('close', forget)
    delete (waiter.response as Held)[waiterOf]
    if (this.#waiters.get(waiter.runner_id) === waiter) this.#waiters.delete(waiter.runner_id)
  }

  async #watchTime(): Promise<void> {
    while (this.#waiters.size > 0) {
      await this.#clock.sleep(lookEvery, this.#stop)
      const now = this.#clock.monotonic()
      // One that is in a round is answered by it.
      for (const waiter of [...this.#waiters.values()])
        if (waiter.until <= now && !this.#inRound.has(waiter) && !this.#fresh.has(waiter)) this.#end(waiter)
    }
    this.#watch = undefined
  }
}

/** One function for all, so that a waiter costs no closure. */
function forget(this: Held): void {
  const held = this[waiterOf]
  held?.polls.forget(held.waiter)
}
