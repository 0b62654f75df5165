import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { seal } from '../../../src/protocol/seal.ts'
import { newestVersion } from '../../../src/store/migrations.ts'
import { say } from '../../support/operator.ts'
import { serverTest } from '../../support/server.ts'

const patient = { lease_seconds: 30, confirm_within_seconds: 30 }

serverTest(
  t,
  'rows of executions and runners that are damaged hold up nobody else (go-gitea#37586)',
  { settings: patient },
  async (t, server) => {
    const runner = await server.runner()
    const lame = await server.runner({ name: 'lame' })
    const [held, good] = [await server.submit(), await server.submit()]
    await runner.begin()
    await runner.begin()
    const first = await server.submit({ priority: 1 })
    const late = await server.submit({ max_queue_seconds: 0.1, runner_group: 'nobody' })
    await server.stop()
    const database = new DatabaseSync(server.rig.path('state', 'server', 'server.db'))
    const damage = (table: string, ...ids: string[]) => {
      for (const id of ids) database.prepare(`UPDATE ${table} SET body = '{' WHERE id = ?`).run(id)
    }
    damage('executions', held.id, first.id, late.id)
    damage('runners', lame.id)
    database.close()
    await server.restart()

    await server.submit({ runner_group: 'nobody' })
    const depth = 'runner_server_queue_depth{runner_group="nobody"} 2\n'
    t.match((await server.call('GET', '/metrics')).text, depth, 'the damaged one and the one behind it')

    const beat = await runner.heartbeat({ executions: [held.id, good.id], free_slots: 2 })
    t.match(beat, { status: 200, json: { unknown: [held.id], leases: { [good.id]: Number } } })
    const [answer, refused] = await Promise.all([runner.reserve(10, 1), lame.reserve(10, 1), server.submit()])
    const [next] = (await server.call('GET', '/v1/executions?state=reserved')).json.items
    t.equal(refused.status, 503)
    t.equal(answer.json.executions[0].execution_id, next.id)
    const soon = await server.submit({ max_queue_seconds: 0.1, runner_group: 'nobody' })
    await (await server.events(`/v1/executions/${soon.id}/log?follow=true`)).next('end')
    t.equal((await server.execution(soon.id)).reason, 'queued-too-long')
    for (const path of ['/v1/executions', '/v1/busy', '/v1/runners', '/v1/groups', '/metrics'])
      t.equal((await server.call('GET', path)).status, 200, path)
    const listed = (await server.call('GET', '/v1/executions')).json.items
    for (const one of [
      await server.execution(held.id),
      listed.find(({ id }: { id: string }) => id === held.id),
    ])
      t.match(one, { id: held.id, state: 'lost', reason: 'unreadable', problem: /cannot be read/ })
    t.equal((await lame.heartbeat()).status, 503)
  },
)

serverTest(
  t,
  'a damaged group holds up neither other groups nor the leases of its own runners',
  { settings: { lease_seconds: 30, confirm_within_seconds: 0.6 } },
  async (t, server) => {
    const runner = await server.runner()
    const lame = await server.runner({ name: 'lame', runner_group: 'lame' })
    const gone = await server.runner({ name: 'gone', runner_group: 'gone' })
    const held = await server.submit({ runner_group: 'lame' })
    await lame.begin()
    // The sweep puts it back in the queue, and then counts the miss of a runner that cannot be read.
    const missed = await server.submit({ runner_group: 'gone' })
    t.equal((await gone.reserve(10)).json.executions[0].execution_id, missed.id)
    await server.stop()
    const database = new DatabaseSync(server.rig.path('state', 'server', 'server.db'))
    for (const [table, id] of [
      ['groups', 'lame'],
      ['runners', gone.id],
    ] as const)
      database.prepare(`UPDATE ${table} SET body = '{' WHERE id = ?`).run(id)
    database.close()
    await server.restart()

    const queued = await server.submit()
    const [answer, nothing] = await Promise.all([runner.reserve(10, 1), lame.reserve(0.1, 1)])
    t.match(answer, { status: 200, json: { executions: [{ execution_id: queued.id }] } })
    t.equal(nothing.status, 204, 'nobody knows whether it leads')
    const beat = await lame.heartbeat({ executions: [held.id] })
    t.match(beat, { status: 200, json: { leases: { [held.id]: Number }, role: null } })
    const heir = await server.runner({ name: 'heir', runner_group: 'gone' })
    t.match(await heir.take(), { execution_id: missed.id })
    const { items } = (await server.call('GET', '/v1/runners')).json
    const shown = items.find(({ id }: { id: string }) => id === lame.id)
    t.match(shown, { name: 'lame', role: null, problem: undefined })
  },
)

serverTest(
  t,
  'definitions that are damaged hold up nobody else',
  { settings: patient },
  async (t, server) => {
    const runner = await server.runner()
    const [first, good] = [await server.submit(), await server.submit()]
    await server.stop()
    const database = new DatabaseSync(server.rig.path('state', 'server', 'server.db'))
    database.prepare("UPDATE definitions SET body = 'null' WHERE id = ?").run(first.id)
    database.close()
    await server.restart()

    const answer = await runner.reserve(2, 1)
    t.equal(answer.status, 200)
    t.same(
      answer.json.executions.map((one: { execution_id: string }) => one.execution_id),
      [good.id],
    )
    t.match(await server.execution(first.id), { state: 'failed', reason: 'definition-missing' })
  },
)

serverTest(
  t,
  'what cannot be shown is shown as that, beside all that can',
  { settings: patient },
  async (t, server) => {
    const runner = await server.runner()
    const lame = await server.runner({ name: 'lame', runner_group: 'lame' })
    const input = { task: { type: 'a.B', properties: [{ name: 'p', password: true, value: 'private' }] } }
    for (const name of ['a', 'b', 'c'])
      await server.call('PUT', `/v1/jobs/${name}`, { body: { image: 'i', input } })
    const token = await server.call('POST', '/v1/tokens', { body: { kind: 'viewer', name: 'v' } })
    const made: string[] = []
    for (let count = 0; count < 5; count++) made.push((await server.submit({ input })).id)
    const output = seal('{"exitCode":0,"outputProperties":{"a":1}}', runner.dataKey)
    for (let count = 0; count < 4; count++) {
      const reservation = await runner.begin()
      await runner.log(reservation, 0, 'x')
      await runner.result(reservation, { output, log_length: 1 })
    }
    await runner.begin()
    await server.stop()
    const database = new DatabaseSync(server.rig.path('state', 'server', 'server.db'))
    const set = (table: string, id: string, body: string) =>
      t.equal(database.prepare(`UPDATE ${table} SET body = ? WHERE id = ?`).run(body, id).changes, 1)
    const [broken, logless, deep, good, running] = made as [string, string, string, string, string]
    set('executions', broken, JSON.stringify({ id: broken }))
    set('logs', logless, '{}')
    set('outputs', deep, JSON.stringify({ execution_id: deep, sealed: 'AAAA' }))
    set('executions', running, '[')
    set('jobs', 'a', 'null')
    set('jobs', 'b', JSON.stringify({ name: 'b', body: {}, sealed: 'AAAA' }))
    set('groups', 'lame', '"')
    set('runners', lame.id, '{}')
    set('tokens', token.json.id, '{')
    database.close()
    await server.restart()

    const get = async (path: string) => {
      const answer = await server.call('GET', path)
      t.equal(answer.status, 200, path)
      return answer.json
    }
    const { items } = await get('/v1/executions?fields=output_properties,state,status_line')
    const problems = [broken, logless, deep, running]
    for (const { id, problem } of items)
      t.equal(problem !== undefined, problems.includes(id), `${id} ${problem}`)
    const whole = items.find(({ id }: { id: string }) => id === good)
    t.same(whole, { id: good, state: 'succeeded', output_properties: { a: 1 }, status_line: null })
    // Of what is not asked for nothing is read, so nothing is missed.
    t.match((await get(`/v1/executions?fields=state&id_prefix=${logless}`)).items, [{ problem: undefined }])
    for (const id of problems) t.match(await get(`/v1/executions/${id}`), { id, problem: String })
    t.match(await get(`/v1/executions/${logless}`), { state: 'succeeded', output_properties: { a: 1 } })
    // A page with a damaged row has the length of any other page, and leads to the next one.
    const first = await get('/v1/executions?limit=2')
    t.match([first.items.length, first.next], [2, String])
    t.match(await get('/v1/busy'), [{ id: running, problem: String }])
    t.match(await get('/v1/jobs'), [
      { name: 'a', problem: String },
      { name: 'b', problem: String },
      { name: 'c' },
    ])
    t.match(await get('/v1/jobs/b'), { name: 'b', problem: String })
    const backup = await server.call('POST', '/v1/restore', { body: await get('/v1/jobs') })
    t.match([backup.status, backup.json.detail], [422, /^entry 0 \(a\): /])
    t.match((await get('/v1/runners')).items, [{ name: 'one' }, { id: lame.id, problem: String }])
    t.match(await get(`/v1/runners/${lame.id}`), { id: lame.id, problem: String })
    t.match((await get('/v1/groups')).items, [{ name: 'default' }, { name: 'lame', problem: String }])
    t.match(await get('/v1/groups/lame'), { name: 'lame', problem: String })
    const tokens = (await get('/v1/tokens')).items
    t.match(
      tokens.find(({ id }: { id: string }) => id === token.json.id),
      { problem: String },
    )
    t.match(await say(server, ['executions']), { status: 0 })
  },
)

serverTest(
  t,
  'a row that a newer program has written is shown as that, and holds up nobody else',
  { settings: patient },
  async (t, server) => {
    const runner = await server.runner()
    const [newer, good] = [await server.submit(), await server.submit()]
    await server.stop()
    const database = new DatabaseSync(server.rig.path('state', 'server', 'server.db'))
    const update = "UPDATE executions SET body = json_set(body, '$.format', 99) WHERE id = ?"
    t.equal(database.prepare(update).run(newer.id).changes, 1)
    database.close()
    await server.restart()

    t.match(await server.execution(newer.id), { problem: /^a newer program has written its row/ })
    t.match(await runner.begin(), { execution_id: good.id })
    t.match(await say(server, ['executions']), { status: 0 })
    await server.stop()
    const again = new DatabaseSync(server.rig.path('state', 'server', 'server.db'))
    again.exec('PRAGMA user_version = 99')
    again.close()
    const run = server.rig.start(['server'])
    t.not(await run.ended, 0)
    t.match(run.text, /has version 99, and this program knows versions up to \d+: use the newer program/)
    const file = new DatabaseSync(server.rig.path('state', 'server', 'server.db'))
    file.exec(`PRAGMA user_version = ${newestVersion}`)
    file.close()
    await server.restart()
  },
)
