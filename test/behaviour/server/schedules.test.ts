/* Schedules through the real server, by its own clock: jobs of every second, under each concurrency, over kills of the server. */
import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import type { Execution } from '../../../src/protocol/messages/executions.ts'
import type { Missed } from '../../../src/protocol/messages/schedules.ts'
import { serverTest, type TestServer } from '../../support/server.ts'
import { stores } from '../../support/stores.ts'

t.setTimeout(360_000)

const concurrencies = ['allow', 'forbid', 'queue', 'replace'] as const
const second = 1000

/** The runs of a job that its schedule has made. */
async function fired(server: TestServer, job: string): Promise<Execution[]> {
  const { json } = await server.call('GET', `/v1/executions?job_name=${job}&limit=1000`)
  return (json.items as Execution[]).filter(({ scheduled_for }) => typeof scheduled_for === 'string')
}

const missed = async (server: TestServer, job: string): Promise<Missed[]> =>
  (await server.call('GET', `/v1/missed?job=${job}&limit=1000`)).json.items

/** Every time of a job that is fired or on record; throws where one is both, or fired twice. */
async function decided(server: TestServer, job: string): Promise<number[]> {
  const times = new Map<number, string>()
  const note = (at: number, what: string) => {
    if (times.has(at))
      throw new Error(`${job}: ${new Date(at).toISOString()} is ${times.get(at)} and ${what}`)
    times.set(at, what)
  }
  for (const { scheduled_for } of await fired(server, job)) note(Date.parse(scheduled_for!), 'fired')
  // A run that gave way to a newer one was fired.
  for (const { reason, from, to } of await missed(server, job))
    if (reason !== 'replaced')
      for (let at = Date.parse(from); at <= Date.parse(to); at += second) note(at, reason)
  return [...times.keys()].sort((one, other) => one - other)
}

serverTest(
  t,
  'each second is fired once or on record under each concurrency, also when the server is killed again and again',
  { stores },
  async (t, server) => {
    for (const concurrency of concurrencies)
      await server.call('PUT', `/v1/jobs/${concurrency}`, {
        body: { image: 'i', concurrency, schedule: { every: { seconds: 1 } } },
      })
    for (let kills = 0; kills < 2; kills++) {
      const before = (await fired(server, 'allow')).length
      while ((await fired(server, 'allow')).length < before + 2) await systemClock.sleep(0.05)
      server.run.child.kill('SIGKILL')
      await server.run.ended
      await server.restart()
    }
    while ((await missed(server, 'queue')).length === 0) await systemClock.sleep(0.05)
    for (const concurrency of concurrencies) {
      // Between two looks the server goes on: only what was decided by the first one is compared.
      const times = await decided(server, concurrency)
      const all = Array.from({ length: times.length }, (_, n) => times[0]! + n * second)
      t.same(times, all, `${concurrency}: none is lost, and none is twice`)
    }
    t.match(await missed(server, 'forbid'), [{ reason: 'overlap' }])
    t.match(await missed(server, 'queue'), [{ reason: 'queue-full' }])
    t.ok((await missed(server, 'replace')).every(({ reason }) => reason === 'replaced'))
    const waiting = (await fired(server, 'replace')).filter(({ state }) => state === 'queued')
    t.equal(waiting.length, 1, 'the newest run alone waits')
  },
)

serverTest(t, 'a pause fires nothing, and its end says what was missed', { stores }, async (t, server) => {
  const schedule = { every: { seconds: 1 }, catch_up: 'last' }
  await server.call('PUT', '/v1/jobs/j', { body: { image: 'i', schedule } })
  t.match((await server.call('POST', '/v1/jobs/j/schedule/pause')).json, { paused_at: /Z$/, due_at: null })
  const { length } = await fired(server, 'j')
  const next = (await server.call('GET', '/v1/jobs/j/schedule?count=3')).json.items
  t.equal(next.length, 3)
  while (Date.now() < Date.parse(next[2].due_at)) await systemClock.sleep(0.1)
  t.equal((await fired(server, 'j')).length, length)
  await server.call('POST', '/v1/jobs/j/schedule/resume')
  while ((await fired(server, 'j')).length === length) await systemClock.sleep(0.05)
  t.ok((await fired(server, 'j')).some(({ catch_up }) => catch_up === 'paused'))
  t.match(await missed(server, 'j'), [{ job: 'j', namespace: 'default', reason: 'paused' }])
  t.match((await server.call('GET', '/v1/schedules')).json, {
    items: [{ job: 'j', text: 'every 1 s', enabled: true, paused_at: null, scheduled_for: /Z$/ }],
    next: null,
  })
})
