import t from 'tap'
import type { Execution } from '../../../src/protocol/messages/executions.ts'
import { seal } from '../../../src/protocol/seal.ts'
import { serverTest } from '../../support/server.ts'
import { stores } from '../../support/stores.ts'

const patient = { lease_seconds: 30, confirm_within_seconds: 30 }

serverTest(
  t,
  'a list has the ends of outputs, and large parts where they are asked for',
  { stores, settings: patient },
  async (t, server) => {
    const runner = await server.runner()
    const input = { task: { type: 'a.B', properties: [] } }
    const { id } = await server.submit({ input })
    const reservation = await runner.begin()
    await runner.log(reservation, 0, `${'x'.repeat(70_000)}the end`)
    const output = seal('{"exitCode":0,"outputProperties":{"a":[1,{"b":"\\n"}]}}', runner.dataKey)
    await runner.result(reservation, { output, log_length: 70_007 })
    const list = async (query: string) => (await server.call('GET', `/v1/executions${query}`)).json.items[0]
    const whole = await server.execution(id)
    t.equal(whole.output.length, 65_536)
    t.same(whole.output_properties, { a: [1, { b: '\n' }] })
    const { output: shown, output_properties: _, ...rest } = whole
    t.same(await list(''), { ...rest, output: shown.slice(-400) })
    t.same(await list('?fields=output_properties'), { id, output_properties: whole.output_properties })
    t.same(await list('?fields=state,output'), { id, state: 'succeeded', output: shown.slice(-400) })
    for (const fields of ['state,stat', '', 'id,,id', '__proto__']) {
      const wrong = await server.call('GET', `/v1/executions?fields=${fields}`)
      t.equal(wrong.status, 400)
      t.match(wrong.json.detail, /^fields has ".*"; an execution has id, job_name, .*output_properties/)
    }
    const pretty = await server.call('GET', '/v1/executions?pretty&fields=output_properties')
    t.equal(pretty.text, `${JSON.stringify(pretty.json, null, 2)}\n`)
    t.equal((await server.call('GET', '/v1/executions?state=queued')).text, '{"items":[],"next":null}\n')
    const none = await server.call('GET', '/v1/executions?state=queued&pretty')
    t.equal(none.text, `${JSON.stringify(none.json, null, 2)}\n`)
    for (const path of ['/v1/busy', '/v1/jobs']) t.equal((await server.call('GET', path)).text, '[]\n')
    await server.call('PUT', '/v1/jobs/a', { body: { image: 'i' } })
    await server.call('PUT', '/v1/jobs/b', { body: { image: 'i' } })
    const jobs = await server.call('GET', '/v1/jobs?pretty')
    t.equal(jobs.text, `${JSON.stringify(jobs.json, null, 2)}\n`)
  },
)

serverTest(
  t,
  'a list is searched by text and by runner group, page by page',
  { stores, settings: patient },
  async (t, server) => {
    const submit = (image: string, runner_group: string) => server.submit({ image, runner_group })
    const [first, , third, fourth] = [
      await submit('busybox:1', 'default'),
      await submit('alpine:1', 'default'),
      await submit('BusyBox:2', 'default'),
      await submit('busybox:3', 'other'),
    ]
    const list = async (query: string) => {
      const { items, next } = (await server.call('GET', `/v1/executions?fields=id&${query}`)).json
      return [items.map((item: Execution) => item.id), next]
    }
    t.same(await list('text=busybox'), [[fourth.id, third.id, first.id], null])
    t.same(await list('text=busybox&limit=2'), [[fourth.id, third.id], third.id])
    t.same(await list(`text=busybox&limit=2&after=${third.id}`), [[first.id], null])
    t.same(await list('runner_group=other'), [[fourth.id], null])
    t.same(await list('runner_group=other&text=alpine'), [[], null])
  },
)

serverTest(
  t,
  'what is busy shows less of each the more there is, and never more than 8 MiB',
  { stores, settings: patient },
  async (t, server) => {
    const runner = await server.runner()
    await server.call('PATCH', `/v1/runners/${runner.id}`, { body: { capacity: 1000 } })
    await Promise.all(Array.from({ length: 160 }, () => server.submit()))
    const { executions } = (await runner.reserve(10, 160)).json
    for (const reservation of executions) {
      await runner.confirm(reservation)
      await runner.log(reservation, 0, Buffer.alloc(70_000, 'a'))
    }
    const busy = await server.call('GET', '/v1/busy')
    const running = busy.json as Execution[]
    t.equal(running.length, 160)
    for (const { output } of running) t.equal(output.length, Math.floor((8 * 1024 * 1024) / 160))
    t.equal(busy.headers.get('content-length'), null, 'it is written in pieces')
  },
)
