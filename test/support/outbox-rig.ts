/* An outbox over the store of a rig, with targets that a test answers for. */
import type { Notify } from '../../src/protocol/messages/jobs.ts'
import { ok } from '../../src/result.ts'
import type { Deliver, Sent, Target } from '../../src/server/notify/delivery.ts'
import type { Message } from '../../src/server/notify/message.ts'
import { notTaken } from '../../src/server/notify/message.ts'
import { Outbox } from '../../src/server/notify/outbox.ts'
import type { NoticeRow } from '../../src/store/schedule-rows.ts'
import type { ServerRig } from './server-rig.ts'

/** A target, and what it has been sent. */
export interface SentTo {
  target: string
  message: Message
}

export const taken: Sent = ok(null)
export const refused: Sent = notTaken('it says no')

const target = (name: string): Target => ({
  name,
  type: 'webhook',
  url: 'http://127.0.0.1/',
  namespaces: undefined,
})

/** The part of a server that sends; a new one is a new process. */
export class OutboxRig {
  readonly sent: SentTo[] = []
  readonly logged: string[] = []
  /** The answer to a message; undefined: the process ends before it knows. */
  answer: (to: SentTo) => Promise<Sent | undefined> = async () => taken
  readonly #rig: ServerRig
  readonly #targets: readonly string[]
  #outbox: Outbox

  constructor(rig: ServerRig, targets: readonly string[]) {
    this.#rig = rig
    this.#targets = targets
    this.#outbox = this.restart()
  }

  restart(): Outbox {
    const rig = this.#rig
    const deliver: Deliver = async (target, message) => {
      const to = { target: target.name, message }
      this.sent.push(to)
      return this.answer(to)
    }
    this.#outbox = new Outbox({
      store: rig.store,
      context: rig.ctx,
      targets: new Map(this.#targets.map(name => [name, target(name)])),
      deliver,
      clock: {
        now: () => new Date(rig.clock.wall),
        monotonic: () => rig.clock.monotonic / 1000,
        sleep: seconds => rig.wait(seconds),
      },
      log: (level, message) => this.logged.push(`${level}: ${message}`),
      count: () => {},
      failed: error => {
        throw error
      },
    })
    return this.#outbox
  }

  /** Sends what is due, until nothing is. */
  async work(): Promise<void> {
    await this.#outbox.look(new AbortController().signal)
    await this.#outbox.settled()
  }

  notices(): Promise<NoticeRow[]> {
    return this.#rig.store.read(tx => tx.listNotices({}, { limit: 1000 }))
  }
}

/** The setting of a rig by which jobs can name these targets. */
export const knowing = (...names: string[]) => ({
  targets: names.map(name => ({ name, type: 'webhook' as const, namespaces: null })),
})

/** The `notify` of a job that tells one target. */
export const telling = (to: string, ...on: Notify[number]['on']): Notify => [{ to, on }]
