/*
 * The life of an attached runner. Of each state only what is valid in it is there.
 *
 *   starting ──► registering ──────────► ready ◄────────► reconnecting
 *                    ▲    registered    ▲  ▲  ▲  channel lost    │
 *                    │                  │  │  └── back ──────────┤
 *                    │        disabled ◄┘  └► standby            │   (the server's word, as long as the channel is open)
 *                    └── the token is not known any more ────────┘
 *
 *   any of these ── asked to stop ──► draining ──► stopped
 *   any of these, and draining ── an operator has deleted it ──► deleted
 *                              ── a newer session has taken over ──► superseded
 */
import type { Settings } from '../protocol/messages.ts'
import type { Bell } from './bell.ts'

/** What of the server's word says whether there may be work. */
export interface Word {
  settings: Settings
  role: 'leader' | 'standby' | null
}

export type Life =
  | { state: 'starting' }
  | { state: 'registering' }
  | { state: 'ready'; word: Word }
  /** An operator has said that it takes no work. */
  | { state: 'disabled'; word: Word }
  /** Another runner leads its group. */
  | { state: 'standby'; word: Word }
  | { state: 'reconnecting'; word: Word }
  /** `word` is there if it has been registered. */
  | { state: 'draining'; word?: Word }
  | { state: 'stopped' }
  | { state: 'deleted' }
  | { state: 'superseded' }

export type Step =
  | { step: 'begin' }
  /** The channel is open, and says what is so; or it says something new. */
  | { step: 'word'; word: Word }
  /** A heartbeat was answered, which does not open the channel. */
  | { step: 'heartbeat'; word: Word }
  | { step: 'channel-lost' }
  | { step: 'token-lost' }
  | { step: 'drain' }
  | { step: 'stop' }
  | { step: 'delete' }
  | { step: 'supersede' }

const final: readonly Life['state'][] = ['stopped', 'deleted', 'superseded']

/** Whether nothing can follow. */
export const isOver = (life: Life): boolean => final.includes(life.state)

/** What follows from a step; the same life where it changes nothing. */
export function next(life: Life, step: Step): Life {
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
      return 'word' in life ? { state: 'draining', word: life.word } : { state: 'draining' }
  }
  if (life.state === 'draining') return step.step === 'word' ? { state: 'draining', word: step.word } : life
  switch (step.step) {
    case 'begin':
      return life.state === 'starting' ? { state: 'registering' } : life
    case 'word':
      return { state: placeOf(step.word), word: step.word }
    case 'heartbeat':
      return { state: life.state === 'reconnecting' ? 'reconnecting' : placeOf(step.word), word: step.word }
    case 'channel-lost':
      return 'word' in life && life.word !== undefined ? { state: 'reconnecting', word: life.word } : life
    case 'token-lost':
      return { state: 'registering' }
  }
}

function placeOf({ settings, role }: Word): 'ready' | 'disabled' | 'standby' {
  if (!settings.enabled) return 'disabled'
  return role === 'standby' ? 'standby' : 'ready'
}

/** The life of this process, which others watch. */
export class Session {
  /** Rings at each change. */
  readonly changed: Bell
  /** Monotonic seconds; undefined as long as the channel is open. */
  channelLostAt: number | undefined
  readonly #onChange: (from: Life, to: Life, because: string | undefined) => void
  readonly #over = new AbortController()
  #life: Life = { state: 'starting' }

  constructor(changed: Bell, onChange: (from: Life, to: Life, because: string | undefined) => void) {
    this.changed = changed
    this.#onChange = onChange
  }

  get life(): Life {
    return this.#life
  }

  /** Aborts when nothing can follow. */
  get over(): AbortSignal {
    return this.#over.signal
  }

  /** The server's latest word; undefined before the first. */
  get word(): Word | undefined {
    return 'word' in this.#life ? this.#life.word : undefined
  }

  take(step: Step, because?: string): void {
    const from = this.#life
    const to = next(from, step)
    if (to === from) return
    this.#life = to
    if (from.state !== to.state) this.#onChange(from, to, because)
    if (isOver(to)) this.#over.abort()
    this.changed.ring()
  }
}
