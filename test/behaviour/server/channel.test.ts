import { connect } from 'node:net'
import t from 'tap'
import { serverTest } from '../../support/server.ts'

serverTest(t, 'a channel begins with what is so, and tells what changes', {}, async (t, server) => {
  const runner = await server.runner()
  await using _alive = runner.alive()
  const { events, state } = await runner.channel()
  t.match(events.response.headers.get('content-type'), 'text/event-stream')
  t.match(state, {
    settings: { enabled: true, capacity: 4, ping_interval_seconds: 0.2 },
    role: null,
    abort: [],
  })
  t.match(await events.next('ping'), { data: {} })
  const set = (body: object) => server.call('PATCH', `/v1/runners/${runner.id}`, { body })
  await set({ enabled: false })
  t.equal((await events.next()).event, 'settings')
  t.equal((await events.next()).event, 'disable')
  await set({ enabled: true, capacity: 2 })
  t.match(await events.next('settings'), { data: { enabled: true, capacity: 2 } })
  t.equal((await events.next()).event, 'enable')
  await server.call('PATCH', '/v1/groups/default', { body: { mode: 'leader' } })
  t.equal((await events.next()).event, 'leader')
  await set({ taints: ['broken'] })
  t.equal((await events.next()).event, 'standby')
  await set({ taints: [] })
  t.equal((await events.next()).event, 'leader')
  await server.call('PATCH', '/v1/groups/default', { body: { mode: 'all' } })
  t.match(await events.next('state'), { data: { role: null } })

  const { id } = await server.submit()
  await runner.begin()
  await server.call('POST', `/v1/executions/${id}/abort`)
  t.match(await events.next('abort'), { data: { execution_id: id } })
  const { events: newer, state: now } = await runner.channel()
  t.same(now.abort, [id], 'a new channel is told of it too')
  t.same(await events.rest(), [], 'and ends the older one')
  await server.call('DELETE', `/v1/runners/${runner.id}`)
  t.equal((await newer.next('delete')).event, 'delete')
  t.same(await newer.rest(), [])
})

serverTest(t, 'a script is pushed to its runner, and answered with its end', {}, async (t, server) => {
  const runner = await server.runner()
  await using _alive = runner.alive()
  const { events } = await runner.channel()
  const body = { image: 'i', command: ['uptime'], runner_id: runner.id, wait_seconds: 20 }
  const answer = server.call('POST', '/v1/scripts', { body })
  const script = (await events.next('execute-script')).data
  t.match(script, { kind: 'script', command: ['uptime'] })
  t.match((await runner.heartbeat()).json.scripts, [{ execution_id: script.execution_id }])
  t.equal((await runner.confirm(script)).status, 204)
  t.equal((await runner.log(script, 0, 'up\n')).status, 200)
  t.equal((await runner.result(script, { log_length: 3 })).status, 204)
  t.match(await answer, {
    status: 200,
    json: { id: script.execution_id, state: 'succeeded', output: 'up\n' },
  })

  const late = await server.call('POST', '/v1/scripts', { body: { ...body, wait_seconds: 0 } })
  t.equal(late.status, 202)
  t.same(Object.keys(late.json), ['id'])
  const none = await server.call('POST', '/v1/scripts', {
    body: { ...body, runner_id: undefined, image: '' },
  })
  t.equal(none.status, 400)
})

serverTest(
  t,
  'a reader that does not read is dropped',
  { settings: { ping_interval_seconds: 5 } },
  async (t, server) => {
    const runner = await server.runner()
    await using _alive = runner.alive()
    const { hostname, port } = new URL(server.url)
    const socket = connect(Number(port), hostname)
    const closed = new Promise(resolve => socket.on('close', resolve))
    socket.on('error', () => {})
    socket.write(
      `GET /v1/runners/${runner.id}/commands HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${runner.token}\r\nrunner-session: 1\r\n\r\n`,
    )
    await new Promise(resolve => socket.once('readable', resolve))
    // Each script is told with its command; events that nobody reads fill the buffers.
    const open = async () =>
      (await server.call('GET', '/metrics')).text.includes('{kind="command-channel"} 1')
    t.ok(await open())
    await server.call('PATCH', `/v1/runners/${runner.id}`, { body: { capacity: 1000 } })
    const command = Array.from({ length: 15 }, () => 'x'.repeat(131_072))
    while (await open())
      await server.call('POST', '/v1/scripts', {
        body: { image: 'i', command, runner_id: runner.id, wait_seconds: 0 },
      })
    socket.resume()
    await closed
    t.equal((await runner.heartbeat()).status, 200)
  },
)
