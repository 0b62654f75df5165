import type { Heartbeat } from '../../protocol/messages/heartbeats.ts'
import { waitAfter } from '../../system/backoff.ts'
import { Notifier, pause } from '../../system/wait.ts'
import type { RunnerContext } from '../context.ts'
import type { Assignments } from '../job/assignments.ts'
import type { Lifecycle } from '../link/lifecycle.ts'

/** Characters that a heartbeat says of a problem. */
const longestProblem = 1000
const shortened = (problem: string) => problem.toWellFormed().slice(0, longestProblem)

/** Says what is held, every third of the lease and whenever it is asked to, and does what the answer says. */
export class HeartbeatLoop {
  readonly #context: RunnerContext
  readonly #lifecycle: Lifecycle
  readonly #assignments: Assignments
  readonly #asked = new Notifier()
  readonly #onLost: 'run' | 'abort'
  /** On the monotonic clock; at first the beginning. */
  #answeredAt: number
  #silent = false
  #beating: Promise<unknown> | undefined
  /** Wall clock of the last answer; undefined before the first. */
  lastAnswer: Date | undefined

  /** `onLost` handles jobs whose lease has surely ended. */
  constructor(
    context: RunnerContext,
    lifecycle: Lifecycle,
    assignments: Assignments,
    onLost: 'run' | 'abort',
  ) {
    this.#context = context
    this.#onLost = onLost
    this.#answeredAt = context.edges.clock.monotonic()
    this.#lifecycle = lifecycle
    this.#assignments = assignments
  }

  /** Says it now, not only when its time has come. */
  now(): void {
    this.#asked.notify()
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
    const { edges, over, settings } = this.#context
    let failures = 0
    while (!over.aborted && !this.#silent) {
      const third = (settings()?.lease_seconds ?? 60) / 3
      if (this.#context.api.signed !== undefined && settings() !== undefined) {
        const beating = this.#beat()
        this.#beating = beating
        const done = await beating
        failures = done ? 0 : failures + 1
      }
      const wait = failures === 0 ? third : Math.min(third, waitAfter(failures, edges.chance.random()))
      await pause(edges.clock, wait, this.#asked, over)
    }
  }

  /**
   * Ends what runs when the server must take it for lost, so that no other attempt runs beside it for long.
   */
  async #endLost(): Promise<void> {
    const { edges, over, settings } = this.#context
    while (!over.aborted && !this.#silent) {
      const lease = settings()?.lease_seconds ?? 60
      const left = this.#answeredAt + lease - edges.clock.monotonic()
      if (left <= 0) this.#assignments.endLost(edges.clock.monotonic() - lease)
      await edges.clock.sleep(left > 0 ? left : lease / 3, over)
    }
  }

  async #beat(): Promise<boolean> {
    const { api, edges, over, recoverSession } = this.#context
    const listed = new Set(this.#assignments.held)
    const answer = await api.heartbeat(this.#message(listed), over)
    if (!answer.ok) {
      const { meaning } = answer.failure
      if (meaning !== 'again' && meaning !== 'stopped' && (await recoverSession(answer.failure))) this.now()
      return false
    }
    this.lastAnswer = edges.clock.now()
    this.#answeredAt = edges.clock.monotonic()
    // The validation has removed fields that did not fit; the earlier values of these stay in force.
    const { settings = this.#context.settings()!, role = this.#lifecycle.directive?.role ?? null } =
      answer.value
    const { abort = [], gone = [], unknown = [], confirm = [], scripts = [] } = answer.value
    // Where something between lets no channel be open for long, heartbeats have to do.
    const lostAt = this.#lifecycle.channelLostAt
    const alone = lostAt !== undefined && edges.clock.monotonic() > lostAt + settings.lease_seconds
    this.#lifecycle.take(
      { step: alone ? 'directive' : 'heartbeat', directive: { settings, role } },
      alone ? 'heartbeats are answered, though no command channel stays open' : 'the server says so',
    )
    this.#assignments.abort(abort)
    this.#assignments.drop(
      gone.filter(id => listed.has(id)),
      'the server says that it has ended, or that another attempt has taken its place',
    )
    this.#assignments.unknown(unknown.filter(id => listed.has(id)))
    this.#assignments.confirmAgain(confirm.filter(id => listed.has(id)))
    for (const script of scripts) this.#assignments.accept(script)
    return true
  }

  #message(listed: ReadonlySet<string>): Heartbeat {
    const { disk, host, imageNames } = this.#context
    const problem = host.problem ?? disk.problem
    const slots = host.runtime?.pool.slots ?? []
    const { imageDigests } = this.#assignments
    const notStarted = this.#assignments.notStarted.map(([id, why]) => [id, shortened(why)])
    const takesReasons = this.#context.api.signed?.features.includes('not_started')
    const draining = this.#lifecycle.life.state === 'draining'
    return {
      state: draining ? 'draining' : 'ready',
      executions: [...listed],
      executors: slots.map(({ key, state }) => ({
        image: imageNames.get(key) ?? key,
        state: state === 'checking' ? 'busy' : state,
      })),
      free_slots: draining ? 0 : this.#assignments.freeSlots,
      ...(problem !== undefined && { unable_because: shortened(problem) }),
      ...(takesReasons && notStarted.length > 0 && { not_started: Object.fromEntries(notStarted) }),
      ...(Object.keys(imageDigests).length > 0 && { image_digests: imageDigests }),
    }
  }
}
