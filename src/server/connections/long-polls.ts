import type { ServerResponse } from 'node:http'
import type { Clock } from '../../edges.ts'
import type { Reservation } from '../../protocol/messages/reservations.ts'
import type { Result } from '../../result.ts'
import type { TokenRow } from '../../store/rows.ts'
import type { Topic } from '../../store/topic.ts'
import type { Refusal } from '../rules/refusal.ts'
import { answerJson, answerNothing, answerRefusal } from '../wire/raw-response.ts'
import type { RunnerClass } from './runner-class.ts'

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
}

/** A waiter in a round of dispatch. */
export interface Turn {
  waiter: Waiter
  /** It was in an earlier round, and has only waited since. */
  again: boolean
  /** Something about its runner has changed. */
  changed: boolean
}

/** The outcome of a round of dispatch. */
export interface Served {
  /** The reservations of waiters, or the reason why they can get nothing any more. */
  answers: ReadonlyMap<Waiter, Result<Reservation[], Refusal>>
  /** The class of each runner that was looked at. */
  classes: ReadonlyMap<Waiter, RunnerClass>
  /** The queues that still have executions, where that was asked. */
  left: readonly string[]
}

/** One writer for all these waiters; `more`: other waiters may be offered the executions that these leave. */
export type Serve = (turns: readonly Turn[], more: boolean) => Promise<Served>

/**
 * Waiters of one round, beside those that must be in it: of thousands, few are needed for the queued
 * executions.
 */
const batch = 128
/** Seconds between two looks for waiters whose time is up. */
const lookEvery = 0.1

/**
 * The calls of runners that wait for work: at most one for each runner, since a newer one ends the older. At
 * most one round of dispatch runs at a time, so that waiters that come or are woken together are served
 * together.
 */
export class LongPolls {
  readonly #serve: Serve
  readonly #clock: Clock
  readonly #stop: AbortSignal
  readonly #onError: (error: unknown) => void
  /** The longest waiting first. */
  readonly #waiters = new Map<string, Waiter>()
  /**
   * The class of the runner that waits, as of the last round; a waiter without one has not been in a round.
   */
  readonly #classes = new WeakMap<Waiter, RunnerClass>()
  readonly #calls = new Map<ServerResponse, Waiter>()
  /** One listener for all calls, so that a waiter costs no closure. */
  readonly #onClose: (this: ServerResponse) => void
  /** Waiters that have not been in a round yet, and waiters that a change concerns. */
  #fresh = new Set<Waiter>()
  #woken = new Set<Waiter>()
  /** Queues that got an execution. */
  #queues = new Set<string>()
  /**
   * The waiters that have been offered the executions of these queues; the others come next, the longest
   * waiting first.
   */
  #pass: { queues: ReadonlySet<string>; offered: Set<Waiter> } | undefined
  #inRound: ReadonlySet<Waiter> = new Set()
  #round: Promise<void> | undefined
  #watch: Promise<void> | undefined

  constructor(serve: Serve, clock: Clock, stop: AbortSignal, onError: (error: unknown) => void) {
    this.#serve = serve
    this.#clock = clock
    this.#stop = stop
    this.#onError = onError
    const forget = (response: ServerResponse) => this.#forgetCall(response)
    this.#onClose = function () {
      forget(this)
    }
    stop.addEventListener('abort', () => this.#endAll(), { once: true })
  }

  get size(): number {
    return this.#waiters.size
  }

  /** Whether a call of this session waits. */
  isWaiting({ runner_id, session }: { runner_id: string; session: number }): boolean {
    return this.#waiters.get(runner_id)?.token.session === session
  }

  /**
   * Takes a call over. The call is answered when there is work, when its time is up, or when a newer call of
   * the runner comes.
   */
  wait(waiter: Waiter): void {
    const { response, runner_id } = waiter
    if (this.#stop.aborted || response.destroyed) return void answerNothing(response)
    const older = this.#waiters.get(runner_id)
    if (older !== undefined) this.#end(older)
    this.#waiters.set(runner_id, waiter)
    this.#calls.set(response, waiter)
    response.on('close', this.#onClose)
    this.#fresh.add(waiter)
    this.#turn()
    this.#watch ??= this.#watchTime()
  }

  /** Wakes the waiters that a change may concern. */
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
  refuseWhere(revoked: (tokenId: string) => boolean, refusal: Refusal): void {
    for (const waiter of [...this.#waiters.values()])
      if (revoked(waiter.token.id)) {
        this.#forget(waiter)
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
    // All changes in this turn of the event loop make one round.
    await Promise.resolve()
    for (;;) {
      const turns = this.#next()
      if (turns.length === 0) {
        // Cleared at once: later calls begin another round.
        this.#round = undefined
        return
      }
      this.#inRound = new Set(turns.map(({ waiter }) => waiter))
      try {
        const { answers, classes, left } = await this.#serve(turns, this.#pass !== undefined)
        for (const [waiter, runnerClass] of classes) this.#classes.set(waiter, runnerClass)
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

  /**
   * The waiters of the next round: those that came or were woken, and some of those that may take the queued
   * executions.
   */
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
      if (offered.has(waiter) || this.#classes.get(waiter)?.suitsAny(queues) === false) continue
      if (turns.length === must + batch) return turns
      offered.add(waiter)
      turns.push({ waiter, again: true, changed: false })
    }
    this.#pass = undefined
    return turns
  }

  #answer(waiter: Waiter, answer: Result<Reservation[], Refusal> | undefined): void {
    // The waiter is gone, or was replaced: its reservations go to the next call, as reserved and not
    // confirmed.
    if (this.#waiters.get(waiter.runner_id) !== waiter) return
    if (answer === undefined || (answer.ok && answer.value.length === 0)) {
      if (waiter.until <= this.#clock.monotonic()) this.#end(waiter)
      return
    }
    this.#forget(waiter)
    if (answer.ok) answerJson(waiter.response, { executions: answer.value })
    else answerRefusal(waiter.response, answer.failure, waiter.request_id)
  }

  /** Answers with no reservations. */
  #end(waiter: Waiter): void {
    this.#forget(waiter)
    answerNothing(waiter.response)
  }

  #endAll(): void {
    for (const waiter of [...this.#waiters.values()]) this.#end(waiter)
  }

  /** Frees the place of a waiter, however its call ends. */
  #forget(waiter: Waiter): void {
    const { response, runner_id } = waiter
    response.off('close', this.#onClose)
    this.#calls.delete(response)
    if (this.#waiters.get(runner_id) === waiter) this.#waiters.delete(runner_id)
  }

  #forgetCall(response: ServerResponse): void {
    const waiter = this.#calls.get(response)
    if (waiter !== undefined) this.#forget(waiter)
  }

  async #watchTime(): Promise<void> {
    while (this.#waiters.size > 0) {
      await this.#clock.sleep(lookEvery, this.#stop)
      const now = this.#clock.monotonic()
      // The round answers a waiter that is in it.
      for (const waiter of [...this.#waiters.values()])
        if (waiter.until <= now && !this.#inRound.has(waiter) && !this.#fresh.has(waiter)) this.#end(waiter)
    }
    this.#watch = undefined
  }
}
