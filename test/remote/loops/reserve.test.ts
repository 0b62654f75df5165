import t from 'tap'
import { runnerTest } from '../../support/fake-runner.ts'

t.setTimeout(360_000)

runnerTest(
  t,
  'a runner takes as many jobs as it has room for, and the next when there is room',
  async (t, { server, home, start }) => {
    const runner = await start().ready()
    const { runner_id } = await runner.event('runner:registered')
    await server.call('PATCH', `/v1/runners/${runner_id}`, { capacity: 1 })
    const first = await server.submit({ command: ['hold:first'] })
    await home.machine.reached('first')
    const second = await server.submit({ command: ['hold:second'] })
    t.equal((await server.execution(second)).state, 'queued')
    home.machine.release('first')
    await home.machine.reached('second')
    t.match(await server.ended(first), { state: 'succeeded' })
    home.machine.release('second')
    t.match(await server.ended(second), { state: 'succeeded' })
  },
)

runnerTest(t, 'a backend that is away gets no jobs until it is back', async (t, { server, home, start }) => {
  home.machine.fail('probe', { reason: 'engine-unreachable', message: 'it is away', retry: 'when-back' }, 1)
  const runner = start()
  await runner.event('life:changed', ({ to }) => to === 'ready')
  await runner.event('engine:failed')
  const id = await server.submit()
  t.match(await server.ended(id), { state: 'succeeded', attempt: 1 })
  const names = runner.events.map(({ event }) => event)
  t.ok(names.indexOf('engine:ready') < names.indexOf('job:accepted'))
})
