import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
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

    const beat = await runner.heartbeat({ executions: [held.id, good.id], free_slots: 2 })
    t.match(beat, { status: 200, json: { unknown: [held.id], leases: { [good.id]: Number } } })
    const [answer, refused] = await Promise.all([runner.reserve(10, 1), lame.reserve(10, 1), server.submit()])
    const [next] = (await server.call('GET', '/v1/executions?state=reserved')).json.items
    t.equal(refused.status, 503)
    t.equal(answer.json.executions[0].execution_id, next.id)
    const soon = await server.submit({ max_queue_seconds: 0.1, runner_group: 'nobody' })
    while ((await server.execution(soon.id)).state === 'queued');
    t.equal((await server.execution(soon.id)).reason, 'queued-too-long')
    for (const path of ['/v1/executions', '/v1/busy', '/v1/runners', '/v1/groups', '/metrics'])
      t.equal((await server.call('GET', path)).status, 200, path)
    t.equal(
      (await server.call('GET', `/v1/executions/${held.id}`)).status,
      503,
      'it is not said to be unknown',
    )
    t.equal((await lame.heartbeat()).status, 503)
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
