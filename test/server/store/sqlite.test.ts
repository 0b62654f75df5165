import { join } from 'node:path'
import t from 'tap'
import { openStore } from '../../../src/server/store/open.ts'
import { conformance, type Subject } from './conformance.ts'

let stores = 0

t.test('SQLite does what a store must', t =>
  conformance(t, async body => {
    const dir = t.testdir({})
    const clock = { now: () => new Date(subject.now), monotonic: () => subject.now / 1000 }
    const name = `${++stores}`
    const open = async () => {
      const opened = await openStore({
        database: `sqlite:${join(dir, name, 'server.db')}`,
        keyFile: join(dir, name, 'server.key'),
        clock,
      })
      if (!opened.ok) throw new Error(opened.failure.detail)
      return opened.value.store
    }
    const subject: Subject = {
      now: Date.UTC(2026, 0, 1),
      store: undefined as never,
      reopen: async () => {
        await subject.store[Symbol.asyncDispose]()
        subject.store = await open()
      },
    }
    subject.store = await open()
    try {
      await body(subject)
    } finally {
      await subject.store[Symbol.asyncDispose]()
    }
  }),
)
