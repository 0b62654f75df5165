import t from 'tap'
import { resultOf } from '../../support/messages.ts'
import { serverTest } from '../../support/server.ts'

const asked = { 'runner-time': '1' }

serverTest(
  t,
  'every answer says when its request came and when it went, to who asks',
  {},
  async (t, server) => {
    const runner = await server.runner()
    const times = (headers: Headers) => headers.get('runner-time')!.split(',').map(Number) as [number, number]
    const begin = Date.now()
    const answers = [
      await server.call('GET', '/health', { token: null, headers: asked }),
      await server.call('GET', '/v1/jobs/none', { headers: asked }),
      await server.call('GET', '/v1/jobs', { token: null, headers: asked }),
      await runner.call('POST', `/v1/runners/${runner.id}/reserve`, {
        body: { slots: 1, wait_seconds: 0 },
        headers: asked,
      }),
      await runner.call('POST', `/v1/runners/${runner.id}/reserve`, { body: {}, headers: asked }),
    ]
    const stream = await server.open('GET', `/v1/runners/${runner.id}/commands`, {
      token: runner.token,
      session: runner.session,
      headers: asked,
    })
    await stream.body!.cancel()
    t.same(
      answers.map(({ status }) => status),
      [200, 404, 401, 204, 400],
    )
    for (const { headers } of [...answers, stream]) {
      const [came, went] = times(headers)
      t.ok(begin <= came && came <= went && went <= Date.now(), `${came},${went}`)
    }
    t.equal((await server.call('GET', '/health')).headers.get('runner-time'), null)

    const waited = await runner.call('POST', `/v1/runners/${runner.id}/reserve`, {
      body: { slots: 1, wait_seconds: 0.5 },
      headers: asked,
    })
    const [came, went] = times(waited.headers)
    t.ok(went - came >= 490, 'a wait lies between the two')
  },
)

serverTest(
  t,
  'what a runner reports of the clocks is taken, unless it cannot be so',
  {},
  async (t, server) => {
    const runner = await server.runner()
    const difference = async (headers: Record<string, string>) => {
      const body = { state: 'ready', executions: [], executors: [], free_slots: 0 }
      t.equal(
        (await runner.call('POST', `/v1/runners/${runner.id}/heartbeat`, { body, headers })).status,
        200,
      )
      return (await server.call('GET', `/v1/runners/${runner.id}`)).json.clock_difference_seconds
    }
    t.equal(await difference({ 'runner-clock': '3600400,3' }), 3600.4)
    t.equal(await difference({ 'runner-clock': '-1500,3', 'runner-time': '5' }), -1.5)
    for (const wrong of ['', 'x', '1', 'NaN,1', '1e9,1', `${'9'.repeat(400)},1`, '1,1,1', '1,-1'])
      t.ok(
        Math.abs(await difference({ 'runner-clock': wrong, 'runner-time': String(Date.now() + 7000) })) < 8,
      )
    const sent = await difference({ 'runner-time': String(Date.now() + 7000) })
    t.ok(sent > 6 && sent <= 7, `${sent}`)
    t.equal(await difference({}), sent, 'who says nothing leaves it as it was')

    await server.submit()
    const job = await runner.begin()
    const at = (ms: number) => new Date(Date.now() + 3_600_400 + ms).toISOString()
    const { execution_id, lease_id } = job
    const body = resultOf(lease_id, new Date(0), { started_at: at(-1), finished_at: at(1022) })
    const headers = { 'runner-clock': '3600400,1' }
    t.equal(
      (await runner.call('PUT', `/v1/executions/${execution_id}/result`, { body, headers })).status,
      204,
    )
    const { created_at, started_at, finished_at } = await server.execution(execution_id)
    t.ok(created_at <= started_at! && started_at! <= finished_at!)
    t.ok(Date.parse(finished_at!) <= Date.now())
  },
)
