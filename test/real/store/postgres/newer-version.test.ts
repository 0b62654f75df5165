import t from 'tap'
import { StoreFailure } from '../../../../src/store/failure.ts'
import { openStore } from '../../../../src/store/open.ts'
import { PostgresServer, postgresNeeds } from '../../../support/postgres.ts'
import { testWith } from '../../../support/require.ts'

const title =
  'a database that a newer program migrates while the connection is lost is not written to any more'
testWith(t, title, postgresNeeds, async t => {
  t.setTimeout(300_000)
  await using server = await PostgresServer.start()
  const database = await server.newDatabase('store')
  const keyFile = `${t.testdir({})}/server.key`
  const opened = await openStore({ database, keyFile })
  t.ok(opened.ok)
  if (!opened.ok) return
  await using store = opened.value.store
  await store.write(async tx => tx.setMeta('a', '1'))
  const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'runner server'`
  await server.sql(`INSERT INTO runner.migrations VALUES (99); ${end}`, 'store')
  const write = () =>
    store
      .write(async tx => tx.setMeta('a', '2'))
      .then(
        () => 'written',
        error => (error instanceof StoreFailure ? error.reason : error),
      )
  let reason = await write()
  while (reason === 'unavailable') reason = await write()
  t.equal(reason, 'too-new')
  t.match(await openStore({ database, keyFile }), { ok: false, failure: { reason: /in-use|too-new/ } })
})
