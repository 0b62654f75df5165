import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { runnerTest } from '../support/fake-runner.ts'

t.setTimeout(360_000)

runnerTest(
  t,
  'a runner that is deleted ends its jobs, and removes all that is its own',
  async (t, { server, home, start }) => {
    const runner = await start().ready()
    const id = await server.submit({ command: ['ignore', 'say:one', 'hold:it'], abort_timeout_seconds: 600 })
    await home.machine.reached('it')
    const { runner_id } = await runner.event('runner:registered')
    await server.call('DELETE', `/v1/runners/${runner_id}`)
    t.equal(await runner.end, 'deleted', 'nobody waits for a grace')
    t.match(runner.all('job:dropped'), [{ execution_id: id }])
    t.ok(runner.all('notice').some(({ message }) => /has been removed$/.test(message)))
    t.same(readdirSync(home.machine.slots), [])
    t.notOk(existsSync(home.spool))
    t.notOk(existsSync(join(home.stateDir, 'session.json')))
    t.ok(existsSync(join(home.stateDir, 'identity.json')), 'who it is stays')
  },
)

runnerTest(t, 'a slot that is not closed at once is tried again', async (t, { server, home, start }) => {
  const runner = await start().ready()
  await server.submit({ command: ['hold:it'] })
  await home.machine.reached('it')
  const { runner_id } = await runner.event('runner:registered')
  home.machine.fail('close', { reason: 'executor-lost', message: 'it is busy', retry: 'soon' }, 2)
  await server.call('DELETE', `/v1/runners/${runner_id}`)
  t.equal(await runner.end, 'deleted')
  t.same(readdirSync(home.machine.slots), [])
})
