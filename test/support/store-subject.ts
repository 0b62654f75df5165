/* A store for the conformance suite (test/store/conformance.ts), which each engine opens in its own way. */
import type { Clock } from '../../src/edges.ts'
import { openStore, type StoreOptions } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'

/** A store of one test, and its time, which the test moves. */
export interface Subject {
  store: Store
  /** Milliseconds since the epoch. */
  now: number
  /** Ends the store as it is, and opens it again. */
  reopen(): Promise<void>
}

/** Opens a store, runs a test on it, and closes it. */
export async function withSubject(
  options: Omit<StoreOptions, 'clock'>,
  body: (subject: Subject) => Promise<void>,
): Promise<void> {
  let now = Date.UTC(2026, 0, 1)
  const clock: Pick<Clock, 'now' | 'monotonic'> = { now: () => new Date(now), monotonic: () => now / 1000 }
  const open = async () => {
    const opened = await openStore({ ...options, clock })
    if (!opened.ok) throw new Error(opened.failure.detail)
    return opened.value.store
  }
  const subject: Subject = {
    store: await open(),
    get now() {
      return now
    },
    set now(time) {
      now = time
    },
    async reopen() {
      await subject.store[Symbol.asyncDispose]()
      subject.store = await open()
    },
  }
  try {
    await body(subject)
  } finally {
    await subject.store[Symbol.asyncDispose]()
  }
}
