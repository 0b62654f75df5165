import t from 'tap'
import { runnerTest } from '../../support/fake-runner.ts'

t.setTimeout(360_000)

/** Seconds for which a token holds. */
const lifetime = 6

runnerTest(
  t,
  'a runner renews its token by itself, and no job, log or result suffers from that',
  async (t, { server, home, start }) => {
    const runner = await start().ready()
    const long = await server.submit({ command: ['say:began\n', 'hold:it', 'say:went on\n', 'exit:0'] })
    await runner.event('job:started', ({ execution_id }) => execution_id === long)
    const ended: string[] = []
    const session = (number: number) => runner.event('runner:registered', told => told.session === number)
    for (const renewal of [2, 3]) {
      let renewed = false
      const registered = session(renewal).then(() => {
        renewed = true
      })
      // Some job is always on its way while the session changes.
      while (!renewed) {
        const id = await server.submit({ command: ['say:short\n', 'exit:0'] })
        t.match(await server.ended(id), { state: 'succeeded', attempt: 1, output: 'short\n' })
        ended.push(id)
      }
      await registered
    }
    t.ok(ended.length > 2)
    home.machine.release('it')
    t.match(await server.ended(long), { state: 'succeeded', attempt: 1, output: 'began\nwent on\n' })
    t.same(runner.all('connection:lost'), [])
    t.same(runner.all('registration:failed'), [])
    // A reservation that a renewal keeps from being confirmed is handed out again: each has ended above, at its first attempt.
    const dropped = runner
      .all('job:dropped')
      .filter(({ message }) => !message.startsWith('it was not confirmed'))
    t.same(dropped, [])
    t.equal(await runner.stop(), 'stopped')
  },
  { credentials_days: lifetime / 86_400 },
)
