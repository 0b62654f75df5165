import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { serverTest, type TestServer } from '../../support/server.ts'
import type { EventStream, ServerEvent } from '../../support/sse.ts'
import { everyStore, stores } from '../../support/stores.ts'

/** A lease that no slow machine lets end. */
const calm = { lease_seconds: 600, confirm_within_seconds: 600 }

/** Reads until an event has this data; gives the events up to it. */
async function until(events: EventStream, data: object): Promise<ServerEvent[]> {
  const seen: ServerEvent[] = []
  for (;;) {
    const event = await events.next()
    seen.push(event)
    if (Object.entries(data).every(([name, value]) => event.data[name] === value)) return seen
  }
}

const subjects = (events: readonly ServerEvent[]) =>
  events.map(({ event, data }) => `${event} ${data.namespace}/${data.id}`)

async function tokenFor(server: TestServer, kind: string, namespaces: string[]): Promise<string> {
  const body = { kind, name: `${kind} of ${namespaces}`, namespaces }
  return (await server.call('POST', '/v1/tokens', { body })).json.token
}

serverTest(
  t,
  'each kind of change raises its event, in the order of the changes',
  { stores, settings: calm },
  async (t, server) => {
    const events = await server.events('/v1/events')
    const ready = await events.next()
    t.equal(ready.event, 'ready')
    t.equal(ready.id, String(ready.data.number))
    const numbers = [Number(ready.id)]
    const next = async (data: object) => {
      const seen = await until(events, data)
      numbers.push(...seen.map(({ id }) => Number(id)))
      return seen
    }

    const body = { image: 'i', schedule: { cron: '0 0 29 2 *' } }
    await server.call('PUT', '/v1/jobs/a', { body })
    t.same(
      subjects(await next({ id: 'a' })).filter(subject => /^(job|schedule)/.test(subject)),
      ['schedule default/a'],
    )
    t.same(subjects(await next({ id: 'a' })), ['job default/a'])
    await server.call('POST', '/v1/jobs/a/schedule/pause')
    t.same(subjects(await next({ id: 'a' })), ['schedule default/a'])
    await server.call('POST', '/v1/schedules/pause')
    t.same(subjects(await next({ id: null })), ['schedule null/null'])

    const runner = await server.runner()
    t.ok(subjects(await next({ id: runner.id })).includes(`runner null/${runner.id}`))
    await server.call('PATCH', '/v1/groups/default', { body: { mode: 'leader' } })
    t.ok(subjects(await next({ id: 'default' })).includes('group null/default'))

    const { id } = (await server.call('POST', '/v1/jobs/a/run')).json
    const queued = (await next({ id })).at(-1)
    t.match(queued, { event: 'execution', data: { id, namespace: 'default', job_name: 'a' } })
    const reservation = await runner.begin()
    await next({ id, state: 'running' })
    await runner.log(reservation, 0, 'four')
    await next({ id, log_length: 4 })
    await runner.result(reservation, { log_length: 4, log_sha256: sha256OfFour })
    await next({ id, state: 'succeeded' })
    await server.call('PATCH', `/v1/runners/${runner.id}`, { body: { enabled: false } })
    await next({ id: runner.id })
    await server.call('DELETE', '/v1/jobs/a')
    const last = await next({ id: 'a' })
    t.ok(['job', 'schedule'].includes(last.at(-1)?.event ?? ''))
    t.same(
      numbers,
      numbers.toSorted((one, other) => one - other),
      'numbers grow',
    )
    t.equal(new Set(numbers).size, numbers.length)

    t.comment('a heartbeat that says nothing new is no change')
    await runner.heartbeat()
    await server.call('PUT', '/v1/jobs/b', { body: { image: 'i' } })
    t.notOk(subjects(await next({ id: 'b' })).includes(`runner null/${runner.id}`))
    events.close()
  },
)

const sha256OfFour = '04efaf080f5a3e74e1c29d1ca6a48569382cbbcd324e8d59d2b83ef21c039f00'

serverTest(
  t,
  'a reader goes on where it was, over a restart and a kill too',
  { stores: everyStore, settings: calm },
  async (t, server) => {
    const first = await server.events('/v1/events')
    await first.next('ready')
    await server.submit()
    const { id } = (await first.next('execution')) as { id: string }
    const missed: string[] = []
    missed.push((await server.submit()).id)
    first.close()
    missed.push((await server.submit()).id)
    t.equal(await server.stop(), 0)
    await server.restart()
    missed.push((await server.submit()).id)
    server.run.child.kill('SIGKILL')
    await server.run.ended
    await server.restart()
    missed.push((await server.submit()).id)

    const expectMissed = async (events: EventStream) => {
      t.match(await events.next(), { event: 'ready', id, data: { number: Number(id) } })
      const seen = await until(events, { id: missed.at(-1) })
      const executions = seen.filter(({ event }) => event === 'execution').map(({ data }) => data.id)
      t.same(executions, missed)
      events.close()
      return seen
    }
    const seen = await expectMissed(await server.events('/v1/events', { headers: { 'last-event-id': id } }))
    await expectMissed(await server.events(`/v1/events?after=${id}`))

    t.comment('in the middle of what it has missed')
    const some = seen[1]!
    const rest = await server.events('/v1/events?after=1', { headers: { 'last-event-id': some.id! } })
    t.equal((await rest.next()).event, 'ready')
    t.same(subjects(await until(rest, { id: missed.at(-1) })), subjects(seen.slice(2)))
    rest.close()
  },
)

serverTest(
  t,
  'a number that the store does not know is answered by a reset, and what follows comes',
  { settings: calm },
  async (t, server) => {
    await server.submit()
    const start = await server.events('/v1/events')
    const newest = Number((await start.next('ready')).id)
    start.close()
    for (const wrong of [
      '1',
      String(newest + 1),
      String(newest - 1_000_000_000),
      '9'.repeat(16),
      'x',
      '-1',
    ]) {
      const events = await server.events('/v1/events', { headers: { 'last-event-id': wrong } })
      t.match(await events.next(), { event: 'reset', id: String(newest), data: { number: newest } }, wrong)
      events.close()
    }
    const events = await server.events('/v1/events?after=1')
    await events.next('reset')
    const { id } = await server.submit()
    await until(events, { id })
    events.close()
    t.equal((await server.call('GET', '/v1/events?after=x')).status, 400)
    t.equal((await server.call('GET', '/v1/events', { token: null })).status, 401)
    t.equal((await server.call('GET', '/v1/events', { token: server.token('registration') })).status, 403)
  },
)

serverTest(
  t,
  'a reader learns of nothing that its token may not see',
  { stores, settings: calm },
  async (t, server) => {
    const open = async (token: string, query = '') => {
      const events = await server.events(`/v1/events${query}`, { token })
      await events.next('ready')
      return events
    }
    const viewer = await open(await tokenFor(server, 'viewer', ['own']))
    const submitterToken = await tokenFor(server, 'submitter', ['own'])
    const submitter = await open(submitterToken)
    const narrowed = await open(server.token('admin'), '?namespace=foreign')
    for (const namespace of ['foreign', 'default', 'own'])
      await server.call('PUT', `/v1/jobs/a?namespace=${namespace}`, {
        body: { image: 'i', runner_group: 'nobody' },
      })
    const run = async (namespace: string, token?: string) => {
      const path = `/v1/jobs/a/run?namespace=${namespace}`
      return (await server.call('POST', path, token === undefined ? {} : { token })).json.id as string
    }
    const foreign = await run('foreign')
    const own = await run('own')
    const asked = await run('own', submitterToken)
    t.same(subjects(await until(viewer, { id: asked })), [
      'job own/a',
      `execution own/${own}`,
      `execution own/${asked}`,
    ])
    t.same(subjects(await until(submitter, { id: asked })), [`execution own/${asked}`])
    t.same(subjects(await until(narrowed, { id: foreign })), [
      'job foreign/a',
      `execution foreign/${foreign}`,
    ])
    const { id } = await server.runner()
    t.same(subjects(await until(viewer, { id })).at(-1), `runner null/${id}`, 'as GET /v1/runners does')
    for (const events of [viewer, submitter, narrowed]) events.close()
  },
)

serverTest(
  t,
  'the stream ends with its token, and when the server stops; a reader that reads nothing holds nobody up',
  { settings: calm },
  async (t, server) => {
    const made = (
      await server.call('POST', '/v1/tokens', { body: { kind: 'viewer', name: 'v', namespaces: ['*'] } })
    ).json
    const revoked = await server.events('/v1/events', { token: made.token })
    await revoked.next('ready')
    const { hostname, port } = new URL(server.url)
    const silent = connect(Number(port), hostname)
    silent.on('error', () => {})
    silent.write(
      `GET /v1/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.token('admin')}\r\n\r\n`,
    )
    await once(silent, 'readable')
    await server.call('DELETE', `/v1/tokens/${made.id}`)
    await revoked.rest()
    const last = await server.events('/v1/events')
    await last.next('ready')
    t.match((await server.call('GET', '/metrics')).text, /connections\{kind="event-reader"\} 2\n/)
    t.equal(await server.stop(), 0)
    t.same(await last.rest(), [])
    silent.destroy()
  },
)
