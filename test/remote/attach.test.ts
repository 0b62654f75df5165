import t from 'tap'
import { runnerTest } from '../support/fake-runner.ts'

t.setTimeout(180_000)

runnerTest(
  t,
  'a job goes from the server to a slot, and its log and result come back',
  async (t, { server, start }) => {
    const runner = await start().ready()
    const id = await server.submit({ command: ['say:hello\n', 'exit:3'] })
    t.match(await server.ended(id), { state: 'failed', reason: 'exit-status', exit_code: 3, attempt: 1 })
    t.equal(await server.log(id), 'hello\n')
    t.equal(await runner.stop(), 'stopped')
  },
)
