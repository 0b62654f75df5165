import { join } from 'node:path'
import pg from 'pg'
import t from 'tap'
import { StoreFailure } from '../../../../src/store/failure.ts'
import { openStore } from '../../../../src/store/open.ts'
import { conformance } from '../../../store/conformance.ts'
import { postgresNeeds } from '../../../support/postgres.ts'
import { testWith } from '../../../support/require.ts'
import { withSubject } from '../../../support/store-subject.ts'
import { newDatabase } from '../../../support/tier-databases.ts'

t.setTimeout(1_800_000)
testWith(t, 'PostgreSQL', postgresNeeds, async t => {
  t.setTimeout(1_800_000)
  const database = await newDatabase(t)
  const other = new pg.Client(database)
  await other.connect()
  t.teardown(() => other.end())

  await t.test('it does what a store must', t =>
    conformance(t, async body => {
      // To make a new database takes longer than most tests.
      await other.query('DROP SCHEMA IF EXISTS runner CASCADE')
      await withSubject({ database, keyFile: join(t.testdir({}), 'server.key') }, body)
    }),
  )

  await t.test('a reader that fails for a reason of its own costs no connection', async t => {
    await other.query('DROP SCHEMA IF EXISTS runner CASCADE')
    const opened = await openStore({ database, keyFile: join(t.testdir({}), 'server.key') })
    if (!opened.ok) throw new Error(opened.failure.detail)
    await using store = opened.value.store
    const connections = async () => {
      const { rows } = await other.query(
        'SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY pid',
      )
      return rows
    }
    await store.read(tx => tx.meta('a'))
    const before = await connections()
    t.not(before.length, 0)
    const failing = async (error: Error) => {
      const read = store.read(async tx => {
        await tx.meta('a')
        throw error
      })
      await t.rejects(read, { message: error.message })
    }
    await failing(new Error('a bug'))
    await failing(new StoreFailure('damaged', 'a row cannot be read'))
    t.equal(await store.read(tx => tx.meta('a')), undefined)
    t.same(await connections(), before)
  })
})
