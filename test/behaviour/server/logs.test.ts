import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { emptySha256 } from '../../support/messages.ts'
import { serverTest } from '../../support/server.ts'
import { stores } from '../../support/stores.ts'

const text = (event: { data: { base64: string } }) => Buffer.from(event.data.base64, 'base64').toString()

serverTest(t, 'a log is followed as it comes, by many, to its end', { stores }, async (t, server) => {
  const runner = await server.runner()
  await using _alive = runner.alive()
  const { id } = await server.submit()
  const follow = (query = '', headers = {}) =>
    server.events(`/v1/executions/${id}/log?follow=true${query}`, { headers })
  const [one, two] = [await follow(), await follow()]
  const reservation = await runner.begin()
  await runner.log(reservation, 0, 'first\n')
  for (const events of [one, two]) {
    const event = await events.next('log')
    t.equal(text(event), 'first\n')
    t.equal(event.data.offset, 0)
    t.equal(event.id, '6')
  }
  const later = await follow('&offset=2')
  t.equal(text(await later.next('log')), 'rst\n')
  const resumed = await follow('&offset=0', { 'last-event-id': '6' })
  await runner.log(reservation, 6, 'second\n')
  for (const events of [one, two, later, resumed]) t.equal(text(await events.next('log')), 'second\n')
  await runner.result(reservation, { outcome: 'failed', exit_code: 3, log_length: 18 })
  t.equal((await server.execution(id)).state, 'failed')
  await runner.log(reservation, 13, 'third')
  for (const events of [one, two, later, resumed]) {
    t.equal(text(await events.next('log')), 'third', 'what comes after the result is told too')
    t.match(await events.rest(), [{ event: 'end', data: { state: 'failed' } }])
  }
  const after = await follow('&offset=13')
  t.match(
    (await after.rest()).map(event => event.event),
    ['log', 'end'],
  )
  t.equal((await server.call('GET', `/v1/executions/${id}/log`)).text, 'first\nsecond\nthird')
  t.equal((await server.call('GET', `/v1/executions/${id}/log?offset=99`)).text, '')
  const range = await server.call('GET', `/v1/executions/${id}/log?offset=6&length=3`)
  t.equal(range.text, 'sec')
  t.equal(range.headers.get('runner-log-offset'), '6')
  t.equal(range.headers.get('runner-log-length'), '18')
  t.equal((await server.call('GET', `/v1/executions/${id}/log?length=3&follow=true`)).status, 400)
})

serverTest(t, 'the follower of one that is aborted in the queue is told its end', {}, async (t, server) => {
  const { id } = await server.submit()
  const follow = await server.events(`/v1/executions/${id}/log?follow=true`)
  await server.call('POST', `/v1/executions/${id}/abort`)
  t.match(await follow.rest(), [{ event: 'end', data: { state: 'aborted' } }])
})

serverTest(
  t,
  'of a large log head and tail are kept, and the text says what is not',
  {
    stores,
    settings: { log_limit: '4M' },
  },
  async (t, server) => {
    const runner = await server.runner()
    await using _alive = runner.alive()
    const { id } = await server.submit()
    const reservation = await runner.begin()
    const mebi = 1024 * 1024
    let truncated = false
    for (let n = 0; n < 12; n++) {
      const answer = await runner.log(reservation, n * mebi, Buffer.alloc(mebi, 97 + n))
      t.equal(answer.status, 200)
      truncated ||= answer.json.truncated === true
    }
    t.ok(truncated)
    const done = await runner.result(reservation, { log_length: 12 * mebi, log_sha256: emptySha256 })
    t.equal(done.status, 204, done.text)
    const all = (await server.call('GET', `/v1/executions/${id}/log`)).text
    t.ok(all.startsWith('aaaa') && all.endsWith('llll'))
    const [, left] = /\n\[runner: (\d+) bytes of the log are left out here.*\]\n/.exec(all) ?? []
    t.ok(Number(left) > 0)
    const follow = await server.events(`/v1/executions/${id}/log?follow=true`)
    const events = await follow.rest()
    t.equal(
      events
        .slice(0, -1)
        .map(event => text(event))
        .join(''),
      all,
    )
    t.match((await server.execution(id)).log, { truncated: true, complete: true, length: 12 * mebi })
  },
)

serverTest(
  t,
  'a follower that reads nothing does not keep the server from stopping',
  {},
  async (t, server) => {
    const runner = await server.runner()
    await using _alive = runner.alive()
    const { id } = await server.submit()
    const reservation = await runner.begin()
    const mebi = 1024 * 1024
    // Far more than a socket takes.
    for (let n = 0; n < 16; n++) await runner.log(reservation, n * mebi, Buffer.alloc(mebi, 'a'))
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname)
    socket.on('error', () => {})
    const head = `GET /v1/executions/${id}/log?follow=true HTTP/1.1\r\nhost: x\r\n`
    socket.write(`${head}authorization: Bearer ${server.token('admin')}\r\n\r\n`)
    await once(socket, 'readable')
    t.equal(await server.stop(), 0)
    socket.destroy()
  },
)

serverTest(
  t,
  'the times of a log are a list in pages, which goes on behind an offset',
  { stores },
  async (t, server) => {
    const runner = await server.runner()
    await using _alive = runner.alive()
    const { id } = await server.submit()
    const times = async (query = '') =>
      (await server.call('GET', `/v1/executions/${id}/log/times${query}`)).json
    t.same(await times(), { items: [], next: null })
    const reservation = await runner.begin()
    const before = Math.floor(Date.now() / 1000) * 1000
    await runner.log(reservation, 0, 'first\n')
    const { items, next } = await times()
    t.same([items.length, items[0].offset, next], [1, 0, null])
    t.ok(Date.parse(items[0].at) >= before && Date.parse(items[0].at) <= Date.now(), items[0].at)
    t.same(await times('?limit=1&after=0'), { items: [], next: null })
  },
)
