/* Records the load of the server once a minute (state/load.ts). */
import type { Store } from '../../store/store.ts'
import type { Topic } from '../../store/topic.ts'
import type { Context } from '../rules/context.ts'
import {
  emptyLoad,
  keyAt,
  type Load,
  minute as minuteLength,
  type Presence,
  snapshotEvery,
  span,
  spanOf,
} from '../state/load.ts'

const day = 86_400_000
/** The most namespaces of one span; executions that end in others are not counted. */
const mostNamespaces = 1000

export class Recorder {
  readonly #store: Store
  readonly #ctx: Context
  /** Ends that are not written down yet. */
  #ended: Load['ended'] = {}
  #at = Number.NaN
  #load = emptyLoad()
  #changes: Presence[] = []
  /** Undefined: this process has not looked yet. */
  #there: ReadonlySet<string> | undefined
  #snapshotAt = Number.NEGATIVE_INFINITY

  constructor(store: Store, ctx: Context) {
    this.#store = store
    this.#ctx = ctx
  }

  /** Hears of all changes of the store. */
  hear(topic: Topic): void {
    if (topic.about === 'end') count(this.#ended, topic.namespace, topic.state, 1)
  }

  async record(): Promise<void> {
    const seen = await this.#store.read(async tx => ({
      now: tx.now,
      there: await tx.seenRunners(),
      queued: await tx.queuedByNamespace(),
    }))
    const { now } = seen
    const isNew = spanOf(now) !== this.#at
    if (isNew) await this.#begin(spanOf(now))
    const minute = Math.min(Math.floor((now - this.#at) / minuteLength), span / minuteLength - 1)
    this.#load.minutes |= 1 << minute
    const ended = this.#ended
    this.#ended = {}
    for (const [namespace, states] of Object.entries(ended))
      for (const [state, number] of Object.entries(states))
        count(this.#load.ended, namespace, state as keyof typeof states, number)
    for (const { namespace, count: depth, since } of seen.queued.slice(0, mostNamespaces)) {
      const known = countedIn(this.#load.queued, namespace) ?? { depth: 0, age: 0 }
      const age = Math.max(0, Math.round((now - since) / 1000))
      this.#load.queued[namespace] = { depth: Math.max(known.depth, depth), age: Math.max(known.age, age) }
    }
    const hasChanged = this.#notePresence(minute, now, new Set(seen.there))
    try {
      await this.#write(isNew, hasChanged, now)
    } catch (error) {
      // The next write has all runners, not a difference: it is not known which of them this one has written.
      this.#there = undefined
      throw error
    }
  }

  /** Takes up the rows of a span, which an earlier process may have begun. */
  async #begin(at: number): Promise<void> {
    const [loads, nodes] = await this.#store.read(async tx => [
      await tx.buckets(keyAt('load', at), keyAt('load', at + 1)),
      await tx.buckets(keyAt('nodes', at), keyAt('nodes', at + 1)),
    ])
    this.#load = loads[0] === undefined ? emptyLoad() : (JSON.parse(loads[0].value) as Load)
    this.#changes = nodes[0] === undefined ? [] : (JSON.parse(nodes[0].value) as Presence[])
    this.#at = at
  }

  /** True: somebody has come or gone, or all are to be written down again. */
  #notePresence(minute: number, now: number, there: ReadonlySet<string>): boolean {
    const before = this.#there
    this.#there = there
    if (before === undefined || Math.abs(now - this.#snapshotAt) >= snapshotEvery) {
      this.#snapshotAt = now
      this.#changes.push({ minute, all: [...there].sort() })
      return true
    }
    const on = [...there].filter(id => !before.has(id))
    const off = [...before].filter(id => !there.has(id))
    if (on.length + off.length === 0) return false
    this.#changes.push({ minute, on, off })
    return true
  }

  async #write(isNew: boolean, hasChanged: boolean, now: number): Promise<void> {
    const kept = this.#ctx.settings.retention_days * day
    await this.#store.write(
      async tx => {
        tx.putBucket({ key: keyAt('load', this.#at), value: JSON.stringify(this.#load) })
        if (hasChanged) tx.putBucket({ key: keyAt('nodes', this.#at), value: JSON.stringify(this.#changes) })
        if (!isNew || kept === 0) return
        for (const kind of ['load', 'nodes'] as const)
          await tx.removeBuckets(keyAt(kind, 0), keyAt(kind, Math.max(0, now - kept)))
      },
      { durable: false },
    )
  }
}

function count<S extends string>(
  counts: Record<string, Partial<Record<S, number>>>,
  namespace: string,
  state: S,
  number: number,
): void {
  const known = countedIn(counts, namespace)
  if (known === undefined && Object.keys(counts).length >= mostNamespaces) return
  const states: Partial<Record<S, number>> = known ?? {}
  states[state] = (states[state] ?? 0) + number
  counts[namespace] = states
}

/** The value of a namespace, which may be called `constructor`. */
const countedIn = <T>(all: Readonly<Record<string, T>>, namespace: string): T | undefined =>
  Object.hasOwn(all, namespace) ? all[namespace] : undefined
