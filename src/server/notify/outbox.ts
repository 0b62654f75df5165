/*
 * Sends the notifications that wait in the store: at least once, under the same id each time.
 *
 *                 taken                                 a day of watched time has passed,
 *   waiting ──────────────► sent                        or the target is not there
 *     │  ▲                                    waiting ──────────────────────────────► failed
 *     └──┘ not taken: again after a while
 *
 * Each target has its turn by itself, so one that hangs holds up no other.
 */
import type { Clock } from '../../edges.ts'
import type { NoticeRow } from '../../store/schedule-rows.ts'
import type { Store } from '../../store/store.ts'
import type { Writer } from '../../store/writer.ts'
import { Notifier, pause } from '../../system/wait.ts'
import type { Log } from '../log.ts'
import { type Context, newId } from '../rules/context.ts'
import { mayTell, noTarget } from '../rules/notify-targets.ts'
import type { Deliver, Sent, Target } from './delivery.ts'
import { listMessage, type Message, messageOf } from './message.ts'
import { SendRate } from './send-rate.ts'

/** Seconds between two looks for what is due again. */
const lookEvery = 5
/** Notifications that one message lists at most. */
const mostInList = 1000
/** Seconds before the second try, and between two tries at most. */
const waits = { first: 10, longest: 3600 }

export interface OutboxParts {
  store: Store
  context: Context
  /** The targets by name. */
  targets: ReadonlyMap<string, Target>
  deliver: Deliver
  clock: Clock
  log: Log
  /** Counts what became of a try, of so many notifications. */
  count: (target: string, result: 'sent' | 'not-taken' | 'failed', notifications: number) => void
  failed: (error: unknown) => void
}

/** A message, and the notifications that are in it. */
interface Turn {
  message: Message
  ids: string[]
}

export class Outbox {
  readonly #parts: OutboxParts
  readonly #added = new Notifier()
  readonly #rates = new Map<string, SendRate>()
  readonly #working = new Map<string, Promise<void>>()
  /** Targets of which the last message was not taken. */
  readonly #troubled = new Set<string>()

  constructor(parts: OutboxParts) {
    this.#parts = parts
  }

  /** There are more notifications. */
  wake(): void {
    this.#added.notify()
  }

  /**
   * Sends all notices as they come; resolves when `stop` has aborted and nothing is under way. Notices that
   * are not sent stay in the store.
   */
  async run(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      const over = pause(this.#parts.clock, lookEvery, this.#added, stop)
      await this.look(stop)
      await over
    }
    await this.settled()
  }

  /** Begins to send what is due. */
  async look(stop: AbortSignal): Promise<void> {
    const { store, failed } = this.#parts
    try {
      for (const target of await store.read(tx => tx.noticeTargets()))
        if (!this.#working.has(target) && !stop.aborted) this.#begin(target, stop)
    } catch (error) {
      failed(error)
    }
  }

  /** Resolves when nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#working.values())
  }

  #begin(name: string, stop: AbortSignal): void {
    const work = this.#sendAll(name, stop)
      .catch(error => {
        this.#parts.failed(error)
        return false
      })
      .then(sent => {
        this.#working.delete(name)
        // More may have come since it last looked.
        if (sent) this.wake()
      })
    this.#working.set(name, work)
  }

  /** Sends to one target until nothing is due; says whether there was something. */
  async #sendAll(name: string, stop: AbortSignal): Promise<boolean> {
    const { clock, targets, deliver } = this.#parts
    const rate = this.#rates.get(name) ?? new SendRate(clock)
    this.#rates.set(name, rate)
    for (let turns = 0; ; turns++) {
      await clock.sleep(rate.wait(), stop)
      if (stop.aborted) return false
      const turn = await this.#next(name, rate.left())
      if (turn === undefined) return turns > 0
      if (turn === 'refused') continue
      rate.count()
      const sent = await deliver(targets.get(name)!, turn.message, stop)
      if (sent === undefined) return false
      await this.#note(name, turn, sent)
    }
  }

  /**
   * Finds the next message to a target; `left`: the number of messages that may still be sent to the target
   * in this minute. `refused`: notifications have failed, because they cannot be sent at all.
   */
  #next(name: string, left: number): Promise<Turn | 'refused' | undefined> {
    const { store, context } = this.#parts
    return store.write(
      async tx => {
        const due = await tx.dueNotices(name, mostInList)
        const lost = due.filter(row => this.#problemOf(row) !== undefined)
        if (lost.length > 0) return this.#refuse(tx, lost)
        const [first] = due
        if (first === undefined) return undefined
        if (first.batch !== null) return listTurn(first.batch, await tx.noticesOf(first.batch))
        // One that was tried keeps its id: it may have arrived.
        const fresh = due.filter(({ batch, tries }) => batch === null && tries === 0)
        if (first.tries > 0 || fresh.length === 1 || fresh.length <= left)
          return { message: messageOf(first), ids: [first.id] }
        const batch = newId(context.chance, tx.now)
        for (const row of fresh) tx.putNotice({ ...row, batch })
        // Its id must not be forgotten: the same notifications would go again under another one.
        tx.durably()
        return listTurn(batch, fresh)
      },
      { durable: false },
    )
  }

  /** Why a notification cannot be sent at all; undefined where it can. */
  #problemOf({ target, namespace }: NoticeRow): string | undefined {
    const { targets, context } = this.#parts
    const known = targets.get(target)
    return known !== undefined && mayTell({ namespaces: known.namespaces ?? null }, namespace)
      ? undefined
      : noTarget(context.settings, target, namespace)
  }

  #refuse(tx: Writer, rows: readonly NoticeRow[]): 'refused' {
    const { log, count } = this.#parts
    for (const row of rows)
      tx.putNotice({ ...row, ...ended, state: 'failed', problem: this.#problemOf(row)! })
    const { target } = rows[0]!
    log('warning', 'notifications have failed: their target is not there', {
      target,
      notifications: rows.length,
    })
    count(target, 'failed', rows.length)
    return 'refused'
  }

  /** Writes down what became of a message. */
  async #note(name: string, { ids }: Turn, sent: Sent): Promise<void> {
    const { store, log, count } = this.#parts
    const states = await store.write(
      async tx => {
        const rows = (await tx.notices(ids)).filter(({ state }) => state === 'waiting')
        return rows.map(row => {
          const after = afterTry(row, sent, tx)
          tx.putNotice(after)
          return after.state
        })
      },
      { durable: false },
    )
    const failed = states.filter(state => state === 'failed').length
    const problem = sent.ok ? sent.value : sent.failure.problem
    if (sent.ok) count(name, 'sent', states.length)
    else count(name, 'not-taken', states.length)
    if (failed > 0) {
      count(name, 'failed', failed)
      log('warning', 'notifications are given up after a day', {
        target: name,
        notifications: failed,
        problem,
      })
    }
    if (sent.ok === !this.#troubled.has(name)) return
    if (sent.ok) this.#troubled.delete(name)
    else this.#troubled.add(name)
    if (sent.ok) log('info', 'notifications are taken again', { target: name })
    else
      log('warning', 'a notification was not taken; it is tried again for a day', { target: name, problem })
  }
}

const listTurn = (batch: string, rows: readonly NoticeRow[]): Turn => ({
  message: listMessage(batch, rows),
  ids: rows.map(({ id }) => id),
})

const ended = { next_at: null }

/** A notification after a try. */
export function afterTry(
  row: NoticeRow,
  sent: Sent,
  { now, watched }: Pick<Writer, 'now' | 'watched'>,
): NoticeRow {
  const tries = row.tries + 1
  if (sent.ok) return { ...row, ...ended, tries, state: 'sent', sent_at: now, problem: sent.value }
  const { problem, retry_after = 0 } = sent.failure
  const wait = Math.min(waits.longest, Math.max(waits.first * 2 ** Math.min(tries - 1, 20), retry_after))
  const next_at = watched + wait * 1000
  // The last try is at the end of the day.
  if (watched >= row.give_up_at) return { ...row, ...ended, tries, state: 'failed', problem }
  return { ...row, tries, next_at: Math.min(next_at, row.give_up_at), problem }
}
