/*
 * A PostgreSQL that begins a new timeline, as after a restore to a point in time, and one that was restored from a dump: schedules
 * catch nothing up from before.
 */
import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import { PostgresServer, postgresNeeds } from '../../support/postgres.ts'
import { testWith } from '../../support/require.ts'
import { rigTest } from '../../support/rig.ts'
import { TestServer } from '../../support/server.ts'
import { backupsOf } from '../../support/store-backups.ts'

t.setTimeout(360_000)

void testWith(t, 'a restored PostgreSQL', postgresNeeds, async t => {
  await using postgres = await PostgresServer.start()
  await postgres.sql('CREATE ROLE plain LOGIN')
  await rigTest(t, 'what was due before it is on record as restored', {}, async (t, rig) => {
    await postgres.sql('CREATE DATABASE own OWNER plain')
    const database = postgres.url('own', 'plain')
    rig.configure({}, `[server]\nlisten = 127.0.0.1:0\ndatabase = ${database}\nkey_file = key\n`)
    const server = await new TestServer(rig, rig.start(['server'], { lasting: true })).ready()
    const schedule = { every: { seconds: 1 }, catch_up: 'all' }
    await server.call('PUT', '/v1/jobs/j', { body: { image: 'i', schedule } })
    const missed = async () => (await server.call('GET', '/v1/missed?job=j')).json.items
    const fired = async () => (await server.call('GET', '/v1/executions?job_name=j')).json.items.length
    while ((await fired()) === 0) await systemClock.sleep(0.05)
    await server.stop()
    await server.restart()
    t.same(await missed(), [], 'a start on the same timeline is no restore')

    await server.stop()
    await postgres.promote()
    // One more second, which nobody fires.
    await systemClock.sleep(1.1)
    await server.restart()
    while ((await missed()).length === 0) await systemClock.sleep(0.05)
    t.match(await missed(), [{ reason: 'restored' }])
    t.match(server.run.text, /the store was restored from a backup/)

    const [backups, before] = [backupsOf(database, rig.dir), await fired()]
    while ((await fired()) === before) await systemClock.sleep(0.05)
    await backups.take()
    await server.stop()
    await backups.restore()
    await systemClock.sleep(1.1)
    await server.restart()
    while ((await missed()).length < 2) await systemClock.sleep(0.05)
    t.match(await missed(), [{ reason: 'restored' }, { reason: 'restored' }])
    await server.stop()
  })
})
