/*
 * Where an execution is, and what follows from that for those who look at it.
 *
 *   confirming ─ confirmed ─► preparing ─ started ─► running ─ ended ─► delivering ─ acknowledged ─► over
 *    │     ▲                    │  ▲                  │  │ │
 *    │     └────────────────────┼──┼── never started ─┘  │ └─ detached: it runs on ──────────────► over
 *    │                          │  └── no slot yet       │
 *    │                          └─ cannot be started, or was aborted ─► delivering
 *    └─ not held any more: dropped ───────────────────────────────────────────────────────────────► over
 */
import type { Notifier } from '../../system/wait.ts'
import type { JobHandle, KeptFiles, SlotRef } from '../executors/executor.ts'
import type { JobWatch } from './watch.ts'

/** Where the work at an execution begins. */
export type Beginning =
  | { at: 'confirming' }
  /** An earlier process has started it, or may have. */
  | { at: 'running'; handle: JobHandle }
  /** The same, and nothing is left of it. */
  | { at: 'lost'; message: string }
  | { at: 'delivering' }

export type Phase = State['at']

/**
 * `slot`: the one that it has, or is about to have. `confirmedAt`: on the monotonic clock. `notStarted`: why
 * it has not been started yet, where that takes a while.
 */
type State =
  | { at: 'confirming'; slot: SlotRef | undefined; notStarted?: string }
  | { at: 'preparing'; slot: SlotRef | undefined; confirmedAt: number; notStarted?: string }
  | { at: 'running'; slot: SlotRef | undefined; confirmedAt: number; handle: JobHandle; watch: JobWatch }
  | { at: 'delivering'; confirmedAt: number; files: KeptFiles | undefined }
  | { at: 'over' }

/** An earlier process has confirmed it. */
const longAgo = Number.NEGATIVE_INFINITY

export class AssignmentState {
  #now: State
  readonly #kept: () => KeptFiles | undefined
  readonly #changed: Notifier

  /** `kept`: finds its files on the disk by its record. `changed`: notified of each new phase. */
  constructor(beginning: Beginning, kept: () => KeptFiles | undefined, changed: Notifier) {
    this.#kept = kept
    this.#changed = changed
    this.#now = this.#first(beginning)
  }

  #first(beginning: Beginning): State {
    switch (beginning.at) {
      case 'confirming':
        return { at: 'confirming', slot: undefined }
      case 'running':
        return { at: 'preparing', slot: beginning.handle.slot, confirmedAt: longAgo }
      case 'lost':
        return { at: 'preparing', slot: undefined, confirmedAt: longAgo }
      case 'delivering':
        return { at: 'delivering', confirmedAt: longAgo, files: this.#kept() }
    }
  }

  get phase(): Phase {
    return this.#now.at
  }

  get isConfirmed(): boolean {
    return 'confirmedAt' in this.#now
  }

  /** On the monotonic clock; before all time where an earlier process did that, or none did. */
  get confirmedAt(): number {
    return 'confirmedAt' in this.#now ? this.#now.confirmedAt : longAgo
  }

  /** Whether it takes a slot of the capacity. */
  get takesSlot(): boolean {
    return 'slot' in this.#now
  }

  /** The slot of its own. */
  get slot(): SlotRef | undefined {
    return 'slot' in this.#now ? this.#now.slot : undefined
  }

  /** The watch of the job while it runs. */
  get watch(): JobWatch | undefined {
    return this.#now.at === 'running' ? this.#now.watch : undefined
  }

  /** The files of the job on the disk, by the backend that ran it. */
  get files(): KeptFiles | undefined {
    if (this.#now.at === 'running') return this.#now.handle
    return this.#now.at === 'delivering' ? this.#now.files : this.#kept()
  }

  /** It is confirmed; again, where it was under another lease. */
  confirmed(confirmedAt: number): void {
    if (this.#now.at === 'confirming') this.#enter({ ...this.#now, at: 'preparing', confirmedAt })
    else if (this.#now.at !== 'over') this.#now = { ...this.#now, confirmedAt }
  }

  /** It is about to be put into a slot; undefined: it is in none. */
  have(slot: SlotRef | undefined): void {
    const { at } = this.#now
    if (at === 'confirming' || at === 'preparing') this.#now = { ...this.#now, slot }
  }

  /** Why it has not been started yet; undefined where it has, or nothing is known. */
  get notStarted(): string | undefined {
    if (this.#now.at === 'running') return this.#now.handle.waiting
    return 'notStarted' in this.#now ? this.#now.notStarted : undefined
  }

  /** It cannot be started yet. */
  waits(notStarted: string): void {
    const { at } = this.#now
    if (at === 'confirming' || at === 'preparing') this.#now = { ...this.#now, notStarted }
  }

  /** It is to be confirmed once more before it is started elsewhere. */
  confirmAgain(): void {
    this.#enter({ at: 'confirming', slot: undefined })
  }

  run(handle: JobHandle, watch: JobWatch): void {
    this.#enter({ at: 'running', slot: handle.slot, confirmedAt: this.confirmedAt, handle, watch })
  }

  deliver(files: KeptFiles | undefined): void {
    this.#enter({ at: 'delivering', confirmedAt: this.confirmedAt, files })
  }

  end(): void {
    this.#enter({ at: 'over' })
  }

  #enter(state: State): void {
    this.#now = state
    this.#changed.notify()
  }
}
