/*
 * The life of an attached runner. Each state carries only the data that is valid in it.
 *
 *   starting ──► registering ──────────► ready ◄────────► reconnecting
 *                    ▲    registered    ▲  ▲  ▲  channel lost    │
 *                    │                  │  │  └── back ──────────┤
 *                    │        disabled ◄┘  └► standby            │
 *                    └── the server refuses the token ───────────┘
 *
 *   A runner is ready, disabled or standby as the server directs, while the channel is open.
 *
 *   any of these ── asked to stop ──► draining ──► stopped
 *   any of these, and draining ── an operator has deleted it ──► deleted
 *                              ── a newer session has taken over ──► superseded
 */
import type { AttachedSettings } from '../../protocol/messages/registration.ts'
import type { Notifier } from '../../system/wait.ts'

/** The part of the server's messages that decides whether this runner gets work. */
export interface Directive {
  settings: AttachedSettings
  role: 'leader' | 'standby' | null
}

export type Life =
  | { state: 'starting' }
  | { state: 'registering' }
  | { state: 'ready'; directive: Directive }
  /** An operator has disabled this runner. */
  | { state: 'disabled'; directive: Directive }
  /** Another runner leads its group. */
  | { state: 'standby'; directive: Directive }
  | { state: 'reconnecting'; directive: Directive }
  /** `directive` is absent if the runner has never been registered. */
  | { state: 'draining'; directive?: Directive }
  | { state: 'stopped' }
  | { state: 'deleted' }
  | { state: 'superseded' }

export type LifecycleStep =
  | { step: 'begin' }
  /** The command channel told the state of the runner when it opened, or a change of it. */
  | { step: 'directive'; directive: Directive }
  /** The answer to a heartbeat. It says nothing of the command channel, so a reconnecting runner stays so. */
  | { step: 'heartbeat'; directive: Directive }
  | { step: 'channel-lost' }
  | { step: 'token-lost' }
  | { step: 'drain' }
  | { step: 'stop' }
  | { step: 'delete' }
  | { step: 'supersede' }

const final: readonly Life['state'][] = ['stopped', 'deleted', 'superseded']

/** Whether the life has reached a final state. */
export const isOver = (life: Life): boolean => final.includes(life.state)

/** The life after a step; the same object if the step changes nothing. */
export function next(life: Life, step: LifecycleStep): Life {
  if (isOver(life)) return life
  switch (step.step) {
    case 'delete':
      return { state: 'deleted' }
    case 'supersede':
      return { state: 'superseded' }
    case 'stop':
      return { state: 'stopped' }
    case 'drain':
      if (life.state === 'draining') return life
      return 'directive' in life ? { state: 'draining', directive: life.directive } : { state: 'draining' }
  }
  if (life.state === 'draining')
    return step.step === 'directive' ? { state: 'draining', directive: step.directive } : life
  switch (step.step) {
    case 'begin':
      return life.state === 'starting' ? { state: 'registering' } : life
    case 'directive':
      return { state: placeOf(step.directive), directive: step.directive }
    case 'heartbeat':
      return {
        state: life.state === 'reconnecting' ? 'reconnecting' : placeOf(step.directive),
        directive: step.directive,
      }
    case 'channel-lost':
      return 'directive' in life && life.directive !== undefined
        ? { state: 'reconnecting', directive: life.directive }
        : life
    case 'token-lost':
      return { state: 'registering' }
  }
}

function placeOf({ settings, role }: Directive): 'ready' | 'disabled' | 'standby' {
  if (!settings.enabled) return 'disabled'
  return role === 'standby' ? 'standby' : 'ready'
}

/** Holds the life of this process and notifies of its changes. */
export class Lifecycle {
  /** Notified of each change. */
  readonly changed: Notifier
  readonly #onChange: (from: Life, to: Life, because: string | undefined) => void
  readonly #over = new AbortController()
  #life: Life = { state: 'starting' }
  #channelLostAt: number | undefined

  constructor(changed: Notifier, onChange: (from: Life, to: Life, because: string | undefined) => void) {
    this.changed = changed
    this.#onChange = onChange
  }

  get life(): Life {
    return this.#life
  }

  /** Aborts when the life reaches a final state. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  /** The server's latest directive; undefined before the first. */
  get directive(): Directive | undefined {
    return 'directive' in this.#life ? this.#life.directive : undefined
  }

  /**
   * When the command channel was lost, in monotonic seconds; undefined while it is open, and before it was
   * first lost.
   */
  get channelLostAt(): number | undefined {
    return this.#channelLostAt
  }

  channelOpened(): void {
    this.#channelLostAt = undefined
  }

  /**
   * Takes the loss of the command channel at a monotonic time. If it is already lost, the first time stays.
   */
  channelLost(at: number, because: string): void {
    if (this.#channelLostAt !== undefined) return
    this.#channelLostAt = at
    this.take({ step: 'channel-lost' }, because)
  }

  take(step: LifecycleStep, because?: string): void {
    const from = this.#life
    const to = next(from, step)
    if (to === from) return
    this.#life = to
    if (from.state !== to.state) this.#onChange(from, to, because)
    if (isOver(to)) this.#over.abort()
    this.changed.notify()
  }
}
