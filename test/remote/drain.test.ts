import { readdirSync } from 'node:fs'
import t from 'tap'
import { runnerTest } from '../support/fake-runner.ts'

t.setTimeout(360_000)

runnerTest(t, 'a drain waits for what runs and takes nothing new', async (t, { server, home, start }) => {
  const runner = await start().ready()
  const id = await server.submit({ command: ['say:one', 'hold:it', 'exit:3'] })
  await home.machine.reached('it')
  const end = runner.stop('drain')
  t.match(await runner.event('runner:draining'), { executions: 1, seconds: 10 })
  const other = await server.submit()
  home.machine.release('it')
  t.equal(await end, 'stopped')
  t.match(await server.execution(id), { state: 'failed', exit_code: 3 })
  t.equal((await server.execution(other)).state, 'queued')
  t.same(readdirSync(home.machine.slots), [], 'idle slots are closed')
  t.same(readdirSync(home.spool), [])
})

runnerTest(t, 'what has not ended in its time is aborted', async (t, { server, home, start }) => {
  const runner = await start({ drain_time: 0 }).ready()
  const id = await server.submit({ command: ['trap:4', 'hold:it'] })
  await home.machine.reached('it')
  t.equal(await runner.stop('drain'), 'stopped')
  t.match(await server.execution(id), { state: 'aborted', exit_code: 4 })
})

runnerTest(t, 'a second request does not wait', async (t, { server, home, start }) => {
  const runner = await start({ drain_time: 1000 }).ready()
  const id = await server.submit({ command: ['hold:it'] })
  await home.machine.reached('it')
  const end = runner.stop('drain')
  await runner.event('runner:draining')
  runner.hurry()
  t.equal(await end, 'stopped')
  t.match(await server.execution(id), { state: 'aborted', exit_code: 143 })
})

runnerTest(t, 'detached jobs run on for the next start', async (t, { server, home, start }) => {
  const runner = await start().ready()
  const id = await server.submit({ command: ['say:one', 'hold:it', 'say:two'] })
  await home.machine.reached('it')
  t.equal(await runner.stop('detach'), 'detached')
  t.equal(runner.all('job:ended').length, 0)
  home.machine.release('it')
  const next = start()
  t.match(await next.event('runner:recovered'), { running: 1 })
  t.match(await server.ended(id), { state: 'succeeded', attempt: 1 })
  t.equal(await server.log(id), 'onetwo')
})
