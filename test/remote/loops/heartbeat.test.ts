import t from 'tap'
import { nobody } from '../../../src/server/rules/transitions.ts'
import { runnerTest } from '../../support/fake-runner.ts'

t.setTimeout(360_000)

runnerTest(
  t,
  'heartbeats keep the lease of a job that runs for longer than that',
  async (t, { server, home, start }) => {
    const runner = await start().ready()
    const id = await server.submit({ command: ['sleep:2.5', 'exit:3'] })
    t.match(await server.ended(id), { state: 'failed', exit_code: 3, attempt: 1 })
    t.same(runner.all('job:dropped'), [])
    t.equal(home.machine.calls.filter(call => call === 'start').length, 1)
  },
)

runnerTest(
  t,
  'a job that a restored server has as queued runs on where it is, under its lease',
  async (t, { server, home, start }) => {
    const runner = await start().ready()
    const id = await server.submit({ command: ['say:one\n', 'hold:it', 'say:two\n'] })
    await runner.event('job:started')
    const { lease_id } = await server.store.write(async tx => {
      const row = (await tx.execution(id))!
      tx.putExecution({ ...row, ...nobody, state: 'queued', deadline: null, started_at: null })
      return row
    })
    await server.until(id, ({ state }) => state === 'running')
    t.match(await server.store.read(tx => tx.execution(id)), { state: 'running', lease_id, unconfirmed: 0 })
    home.machine.release('it')
    t.match(await server.ended(id), { state: 'succeeded', output: 'one\ntwo\n', attempt: 1 })
    t.equal(runner.all('job:started').length, 1)
    t.same(runner.all('job:dropped'), [])
  },
)
