import type { Heartbeat } from '../protocol/messages.ts'
import { waitAfter } from './backoff.ts'
import { Bell, pause } from './bell.ts'
import type { Room } from './room.ts'
import type { Session } from './session.ts'
import type { Work } from './work.ts'

/** Says what is held, every third of the lease and whenever it is asked to, and does what the answer says. */
export class HeartbeatLoop {
  readonly #room: Room
  readonly #session: Session
  readonly #work: Work
  readonly #asked = new Bell()
  readonly #onLost: 'run' | 'abort'
  /** On the monotonic clock; at first the beginning. */
  #answeredAt: number
  #silent = false
  #beating: Promise<unknown> | undefined
  /** Wall clock of the last answer; undefined before the first. */
  lastAnswer: Date | undefined

  /** `onLost`: what becomes of jobs whose lease has surely ended. */
  constructor(room: Room, session: Session, work: Work, onLost: 'run' | 'abort') {
    this.#room = room
    this.#onLost = onLost
    this.#answeredAt = room.edges.clock.monotonic()
    this.#session = session
    this.#work = work
  }

  /** Says it now, not only when its time has come. */
  now(): void {
    this.#asked.ring()
  }

  /** Says nothing more; settles when nothing is on its way. */
  async silence(): Promise<void> {
    this.#silent = true
    await this.#beating
  }

  async run(): Promise<void> {
    await Promise.all([this.#beatOn(), this.#onLost === 'abort' && this.#endLost()])
  }

  async #beatOn(): Promise<void> {
    const { edges, over, settings } = this.#room
    let failures = 0
    while (!over.aborted && !this.#silent) {
      const third = (settings()?.lease_seconds ?? 60) / 3
      if (this.#room.api.signed !== undefined && settings() !== undefined) {
        const beating = this.#beat()
        this.#beating = beating
        const done = await beating
        failures = done ? 0 : failures + 1
      }
      const wait = failures === 0 ? third : Math.min(third, waitAfter(failures, edges.chance.random()))
      await pause(edges.clock, wait, this.#asked, over)
    }
  }

  /** Ends what runs when the server must take it for lost, so that no other attempt runs beside it for long. */
  async #endLost(): Promise<void> {
    const { edges, over, settings } = this.#room
    while (!over.aborted && !this.#silent) {
      const lease = settings()?.lease_seconds ?? 60
      const left = this.#answeredAt + lease - edges.clock.monotonic()
      if (left <= 0) this.#work.endLost(edges.clock.monotonic() - lease)
      await edges.clock.sleep(left > 0 ? left : lease / 3, over)
    }
  }

  async #beat(): Promise<boolean> {
    const { api, edges, over, mend } = this.#room
    const listed = new Set(this.#work.held)
    const answer = await api.heartbeat(this.#message(listed), over)
    if (!answer.ok) {
      const { meaning } = answer.failure
      if (meaning !== 'again' && meaning !== 'stopped' && (await mend(answer.failure))) this.now()
      return false
    }
    this.lastAnswer = edges.clock.now()
    this.#answeredAt = edges.clock.monotonic()
    // What did not fit is missing, and what was so before goes on.
    const { settings = this.#room.settings()!, role = this.#session.word?.role ?? null } = answer.value
    const { abort = [], gone = [], unknown = [], scripts = [] } = answer.value
    // Where something between lets no channel be open for long, heartbeats have to do.
    const lostAt = this.#session.channelLostAt
    const alone = lostAt !== undefined && edges.clock.monotonic() > lostAt + settings.lease_seconds
    this.#session.take(
      { step: alone ? 'word' : 'heartbeat', word: { settings, role } },
      alone ? 'heartbeats are answered, though no command channel stays open' : 'the server says so',
    )
    this.#work.abort(abort)
    this.#work.drop(
      gone.filter(id => listed.has(id)),
      'the server says that it has ended, or that another attempt has taken its place',
    )
    this.#work.unknown(unknown.filter(id => listed.has(id)))
    for (const script of scripts) this.#work.accept(script)
    return true
  }

  #message(listed: ReadonlySet<string>): Heartbeat {
    const { host, images } = this.#room
    const seats = host.workshop?.pool.seats ?? []
    const draining = this.#session.life.state === 'draining'
    return {
      state: draining ? 'draining' : 'ready',
      executions: [...listed],
      executors: seats.map(({ image_id, state }) => ({
        image: images.get(image_id) ?? image_id,
        state: state === 'checking' ? 'busy' : state,
      })),
      free_slots: draining ? 0 : this.#work.freeSlots,
    }
  }
}
