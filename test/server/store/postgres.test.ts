import { join } from 'node:path'
import t from 'tap'
import { openStore } from '../../../src/server/store/open.ts'
import { PostgresServer, postgresNeeds } from '../../support/postgres.ts'
import { testWith } from '../../support/require.ts'
import { conformance, type Subject } from './conformance.ts'

t.setTimeout(100_000)
testWith(t, 'PostgreSQL does what a store must', postgresNeeds, async t => {
  t.setTimeout(100_000)
  await using server = await PostgresServer.start()
  let stores = 0
  await conformance(t, async body => {
    const dir = t.testdir({})
    const database = await server.newDatabase(`store${++stores}`)
    const clock = { now: () => new Date(subject.now), monotonic: () => subject.now / 1000 }
    const open = async () => {
      const opened = await openStore({ database, keyFile: join(dir, 'server.key'), clock })
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
  })
})
