import { join } from 'node:path'
import type { Test } from 'tap'
import type { Context } from '../../src/server/context.ts'
import { openStore } from '../../src/server/store/open.ts'
import type { Store } from '../../src/server/store/store.ts'
import { makeContext } from './context.ts'

/** A new store, what use cases are given, and a clock that stands still until it is told to go on. */
export interface ServerRoom extends Pick<Store, 'write' | 'read'> {
  store: Store
  ctx: Context
  /** Milliseconds since the epoch. */
  now(): number
  /** Lets time pass, in milliseconds. */
  pass(milliseconds: number): void
}

/** Runs a test of use cases on a new store of each engine. */
export function onEachStore(
  t: Test,
  title: string,
  body: (t: Test, room: ServerRoom) => Promise<void>,
): void {
  t.test(`${title} (SQLite)`, async t => {
    const dir = t.testdir({})
    let now = Date.UTC(2026, 0, 1)
    const opened = await openStore({
      database: `sqlite:${join(dir, 'server.db')}`,
      keyFile: join(dir, 'server.key'),
      clock: { now: () => new Date(now) },
    })
    if (!opened.ok) throw new Error(opened.failure.detail)
    await using store = opened.value.store
    await body(t, {
      store,
      ctx: makeContext(),
      write: (writer, options) => store.write(writer, options),
      read: reader => store.read(reader),
      now: () => now,
      pass: milliseconds => {
        now += milliseconds
      },
    })
  })
}
