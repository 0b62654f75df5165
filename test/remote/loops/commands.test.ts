import t from 'tap'
import { runnerTest } from '../../support/fake-runner.ts'

t.setTimeout(360_000)

runnerTest(
  t,
  'the command channel tells of an abort, of settings and of a deletion',
  async (t, { server, home, start }) => {
    const runner = await start().ready()
    const { runner_id } = await runner.event('runner:registered')
    const path = `/v1/runners/${runner_id}`
    const id = await server.submit({ command: ['trap:4', 'hold:it'] })
    await home.machine.reached('it')
    await server.abort(id)
    t.match(await server.ended(id), { state: 'aborted', exit_code: 4 })

    await server.call('PATCH', path, { enabled: false })
    await runner.event('life:changed', ({ to }) => to === 'disabled')
    const waiting = await server.submit()
    await server.call('PATCH', path, { enabled: true })
    t.match(await server.ended(waiting), { state: 'succeeded' })

    await server.call('DELETE', path)
    t.equal(await runner.end, 'deleted')
  },
)
