/*
 * Schedules of a server on PostgreSQL, whose clock is that of the database: a PostgreSQL under a wall clock that says what the
 * test wants (faketime), beside a server whose own clock is right.
 */
import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import type { Execution } from '../../../src/protocol/messages/executions.ts'
import { clockFrom, faketime } from '../../support/fake-clock.ts'
import { PostgresServer, postgresNeeds } from '../../support/postgres.ts'
import { testWith } from '../../support/require.ts'
import { type Rig, rigTest } from '../../support/rig.ts'
import { TestServer } from '../../support/server.ts'

t.setTimeout(900_000)

/** A server that is told nothing but where its PostgreSQL is. */
function start(rig: Rig, database: string): Promise<TestServer> {
  rig.configure({}, `[server]\nlisten = 127.0.0.1:0\ndatabase = ${database}\nkey_file = key\n`)
  return new TestServer(rig, rig.start(['server'], { lasting: true })).ready()
}

/** The times for which a job has run by its schedule, the latest first. */
async function fired(server: TestServer, job: string): Promise<(string | null | undefined)[]> {
  const { json } = await server.call('GET', `/v1/executions?job_name=${job}`)
  return (json.items as Execution[]).map(({ scheduled_for }) => scheduled_for)
}

/** Waits until a job has run for a time. */
async function untilFired(server: TestServer, job: string, at: string): Promise<void> {
  while (!(await fired(server, job)).includes(at)) await systemClock.sleep(0.05)
}

const put = (server: TestServer, job: string, schedule: object) =>
  server.call('PUT', `/v1/jobs/${job}`, { body: { image: 'i', schedule } })

void testWith(t, 'schedules on PostgreSQL', [...postgresNeeds, faketime], async t => {
  await using postgres = await PostgresServer.start()

  await rigTest(
    t,
    'a time that the clocks leave out runs after the gap, and one that they show twice runs once',
    {},
    async (t, rig) => {
      const database = await postgres.newDatabase('clock')
      await postgres.stop()
      await postgres.startAgain(clockFrom('2026-03-29 00:40:00'))
      const server = await start(rig, database)
      const time_zone = 'Europe/Berlin'
      t.match(await put(server, 'nightly', { cron: '30 2 * * *', time_zone }), { status: 201 })
      t.match(await put(server, 'ticks', { cron: '*/30 * * * *', time_zone }), { status: 201 })
      const next = await server.call('GET', '/v1/jobs/nightly/schedule?count=1')
      t.match(next.json.items, [{ scheduled_for: '2026-03-29T01:00:00.000Z', notes: [String] }])
      /** Starts both at a time of the database; the nights that nightly has run for, once ticks has run for a time. */
      const nights = async (at: string, ticked: string) => {
        t.equal(await server.stop(), 0)
        await postgres.stop()
        await postgres.startAgain(clockFrom(at))
        await server.restart()
        await untilFired(server, 'ticks', ticked)
        return fired(server, 'nightly')
      }
      const gap = '2026-03-29T01:00:00.000Z'
      t.same(await nights('2026-03-29 01:00:05', gap), [gap])
      const first = '2026-10-25T00:30:00.000Z'
      t.same(await nights('2026-10-25 00:30:05', first), [first, gap])
      t.same(await nights('2026-10-25 01:30:05', '2026-10-25T01:30:00.000Z'), [first, gap], 'once')
      t.equal(await server.stop(), 0)
      await postgres.stop()
      await postgres.startAgain()
    },
  )

  await rigTest(t, 'a row that is damaged on the disk holds up no other schedule', {}, async (t, rig) => {
    const server = await start(rig, await postgres.newDatabase('damaged'))
    for (const job of ['bad', 'good']) await put(server, job, { every: { seconds: 1 } })
    await postgres.sql(`UPDATE runner.schedules SET body = '{' WHERE id = 'bad'`, 'damaged')
    const { length } = await fired(server, 'good')
    while ((await fired(server, 'good')).length < length + 2) await systemClock.sleep(0.05)
    t.match((await server.call('GET', '/v1/schedules')).json.items, [
      { job: 'bad', problem: /cannot be read/ },
      { job: 'good', due_at: /Z$/ },
    ])
    // A put is a new beginning for it.
    t.match(await put(server, 'bad', { every: { seconds: 2 } }), { status: 200 })
    const before = (await fired(server, 'bad')).length
    while ((await fired(server, 'bad')).length === before) await systemClock.sleep(0.05)
    t.equal(await server.stop(), 0)
  })
})
