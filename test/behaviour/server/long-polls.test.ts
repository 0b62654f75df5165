import { connect } from 'node:net'
import t from 'tap'
import { problemType } from '../../../src/protocol/problem.ts'
import { serverTest, type TestRunner, type TestServer } from '../../support/server.ts'
import { stores } from '../../support/stores.ts'

/** Waits until so many calls for work are held open. */
async function waiting(server: TestServer, count: number): Promise<void> {
  const line = `runner_server_connections{kind="reserve"} ${count}\n`
  while (!(await server.call('GET', '/metrics')).text.includes(line));
}

/** A call for work of which nothing is read. */
function abandon(runner: TestRunner): () => void {
  const gone = new AbortController()
  runner.reserve(50, 1, { signal: gone.signal }).catch(() => {})
  return () => gone.abort()
}

serverTest(t, 'a submit wakes a runner that waits', { stores }, async (t, server) => {
  const runner = await server.runner()
  const answer = runner.reserve(50)
  await waiting(server, 1)
  const { id } = await server.submit()
  const { status, json } = await answer
  t.equal(status, 200)
  t.equal(json.executions[0].execution_id, id)
})

const patient = { confirm_within_seconds: 30, lease_seconds: 30 }

serverTest(
  t,
  'each of many that wait gets one of many that are queued',
  { stores, settings: patient },
  async (t, server) => {
    const runners = await Promise.all(Array.from({ length: 20 }, (_, n) => server.runner({ name: `r${n}` })))
    const answers = runners.map(runner => runner.reserve(50))
    await waiting(server, 20)
    const submitted = await Promise.all(Array.from({ length: 20 }, () => server.submit()))
    const got = (await Promise.all(answers)).map(answer => answer.json.executions[0].execution_id)
    t.same(got.toSorted(), submitted.map(({ id }) => id).toSorted())
  },
)

serverTest(t, 'nothing comes when the wait is over', {}, async (t, server) => {
  const runner = await server.runner()
  t.equal((await runner.reserve(0)).status, 204)
  t.equal((await runner.reserve(0.3)).status, 204)
})

serverTest(t, 'a newer call ends the older one', {}, async (t, server) => {
  const runner = await server.runner()
  const older = runner.reserve(50)
  await waiting(server, 1)
  const newer = runner.reserve(50)
  t.equal((await older).status, 204)
  const { id } = await server.submit()
  t.equal((await newer).json.executions[0].execution_id, id)
})

serverTest(t, 'what was handed to nobody is handed out again, and first', { stores }, async (t, server) => {
  const runner = await server.runner()
  await using _alive = runner.alive()
  const leave = abandon(runner)
  await waiting(server, 1)
  leave()
  await waiting(server, 0)
  const { id } = await server.submit()
  const reservation = await runner.take()
  t.equal(reservation.execution_id, id)
  await server.submit({ priority: 10 })
  const again = await runner.reserve(0, 2)
  t.same(again.json.executions[0].execution_id, id, 'not confirmed: here it is again')
  t.equal(again.json.executions[0].lease_id, reservation.lease_id)
})

serverTest(t, 'a disabled runner gets nothing until it is enabled again', {}, async (t, server) => {
  const runner = await server.runner()
  await using _alive = runner.alive()
  const set = (body: object) => server.call('PATCH', `/v1/runners/${runner.id}`, { body })
  await set({ enabled: false })
  const { id } = await server.submit()
  t.match((await server.execution(id)).waiting_because, /disabled/)
  t.equal((await runner.reserve(0)).status, 204)
  const answer = runner.reserve(50)
  await waiting(server, 1)
  await set({ enabled: true })
  t.equal((await answer).json.executions[0].execution_id, id)
})

serverTest(t, 'a deleted runner is told so, and stays out', {}, async (t, server) => {
  const runner = await server.runner()
  const answer = runner.reserve(50)
  await waiting(server, 1)
  t.equal((await server.call('DELETE', `/v1/runners/${runner.id}`)).status, 204)
  t.match(await answer, { status: 410, json: { type: problemType('deleted') } })
  t.equal((await runner.heartbeat()).status, 410)
  await t.rejects(server.runner({ uuid: runner.id }), /^410 /)
  await server.call('PATCH', `/v1/runners/${runner.id}`, { body: { deleted: false } })
  t.equal((await server.runner({ uuid: runner.id })).id, runner.id)
})

serverTest(t, 'a stop answers who waits, and a restart loses nothing', { stores }, async (t, server) => {
  const [one, two] = [await server.runner(), await server.runner({ name: 'two', runner_group: 'other' })]
  const { id } = await server.submit({ retries: 0 })
  const reservation = await one.begin()
  await one.log(reservation, 0, 'half\n')
  const queued = await server.submit({ runner_group: 'elsewhere' })
  const poll = two.reserve(50)
  const { events } = await two.channel()
  const follow = await server.events(`/v1/executions/${id}/log?follow=true`)
  t.equal((await follow.next('log')).data.offset, 0)
  await waiting(server, 1)
  t.equal(await server.stop(), 0)
  t.equal((await poll).status, 204)
  t.same(await events.rest(), [])
  t.same(await follow.rest(), [])

  await server.restart()
  t.equal((await server.execution(queued.id)).state, 'queued')
  t.match(await server.execution(id), { state: 'running', output: 'half\n' })
  const beat = await one.heartbeat({ executions: [id], free_slots: 3 })
  t.ok(beat.json.leases[id] > 0, 'the runner goes on')
  t.equal((await one.log(reservation, 5, 'whole\n')).json.length, 11)
  t.equal((await one.result(reservation)).status, 204)
})

serverTest(t, 'a second signal does not wait', {}, async (t, server) => {
  const { hostname, port } = new URL(server.url)
  const socket = connect(Number(port), hostname)
  // A request that never ends keeps the first stop waiting.
  const head =
    'PUT /v1/jobs/a HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n'
  socket.write(`${head}authorization: Bearer ${server.token('admin')}\r\nexpect: 100-continue\r\n\r\n`)
  await new Promise(resolve => socket.once('data', resolve))
  server.run.child.kill('SIGTERM')
  await server.run.says('the server stops')
  server.run.child.kill('SIGINT')
  t.equal(await server.run.ended, 130)
  socket.destroy()
})
