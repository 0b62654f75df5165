import t from 'tap'
import { serverTest } from '../../support/server.ts'

serverTest(
  t,
  'a standby gets nothing, and all work again as soon as the mode says so',
  {},
  async (t, server) => {
    const [one, two] = [await server.runner(), await server.runner({ name: 'two' })]
    await using _one = one.alive()
    await using _two = two.alive()
    const set = (body: object) => server.call('PATCH', '/v1/groups/default', { body })
    t.match((await set({ mode: 'leader' })).json, { mode: 'leader', leader_runner_id: one.id, runners: 2 })
    t.match((await set({ pinned_runner_id: two.id })).json, {
      leader_runner_id: two.id,
      pinned_runner_id: two.id,
    })
    t.match(
      (await set({ pinned_runner_id: null })).json,
      { leader_runner_id: two.id },
      'no change without a cause',
    )
    const { events, state } = await one.channel()
    t.equal(state.role, 'standby')
    const waiting = one.reserve(50)
    const { id } = await server.submit({})
    const first = await two.take()
    t.equal(first.execution_id, id)
    await server.submit({ runner_group: 'default' })
    const last = await server.submit({})
    t.equal((await two.confirm(first)).status, 204)
    t.match((await set({ mode: 'all' })).json, { mode: 'all', leader_runner_id: null })
    t.match((await events.next()).data, { role: null }, 'a standby is told that it is none any more')
    t.equal((await waiting).status, 200, 'and gets what waits')
    t.ok(last)
  },
)
