/* Retries and concurrency keys with a runner that is attached for real, while it and the server are killed and come back. */
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import type { Execution } from '../../../src/protocol/messages/executions.ts'
import { attachOnHost } from '../../support/attached.ts'
import { serverTest } from '../../support/server.ts'
import { everyStore } from '../../support/stores.ts'

const settings = { lease_seconds: 60, confirm_within_seconds: 30, ping_interval_seconds: 0.5 }

/** Says when it begins, waits until it is released, and fails at the first try. */
const script = `
mkdir "$DIR/active" || echo "$NAME" >>"$DIR/clashes"
echo "$NAME" >>"$DIR/began"
read -r line <"$DIR/hold"
rmdir "$DIR/active"
echo tried >>"$DIR/$NAME.tries"
test "$(wc -l <"$DIR/$NAME.tries")" -eq 2`

serverTest(
  t,
  'runs with one key go one after the other, and each is tried as often as it may be, while both sides are killed',
  { settings, stores: everyStore },
  async (t, server) => {
    const { rig } = server
    // A runner knows the server by its address.
    const file = rig.path('runner.cfg')
    writeFileSync(file, readFileSync(file, 'utf8').replace('127.0.0.1:0', new URL(server.url).host))
    let runner = attachOnHost(server, 'one')
    await runner.event('runner:registered')
    const killServer = async () => {
      server.run.child.kill('SIGKILL')
      await server.run.ended
    }
    const killRunner = async () => {
      await runner.stop('SIGKILL')
      runner = attachOnHost(server, 'one')
    }

    const names = ['first', 'second']
    const hold = rig.hold('hold')
    const ids: string[] = []
    for (const name of names) {
      const body = {
        image: 'none',
        command: ['sh', '-c', script],
        capabilities: ['host'],
        env: { DIR: rig.dir, NAME: name },
        retries: 2,
        retry: { delay_seconds: 0.1 },
        concurrency_key: 'disk',
        concurrency_limit: 1,
      }
      t.equal((await server.call('PUT', `/v1/jobs/${name}`, { body })).status, 201)
      ids.push((await server.call('POST', `/v1/jobs/${name}/run`)).json.id)
    }
    const attempts = async (group: string): Promise<Execution[]> =>
      (await server.call('GET', `/v1/executions?group=${group}`)).json.items
    const begun = async (count: number) => {
      while (rig.lines('began').length < count) await systemClock.sleep(0.05)
    }

    await begun(1)
    await killServer()
    await server.restart()
    t.match(await attempts(ids[1]!), [{ state: 'queued' }], 'the other run waits for the key')
    hold.release()
    await begun(2)
    await killRunner()
    hold.release()
    await begun(3)
    // This one fails while neither side is there.
    await killServer()
    await runner.stop('SIGKILL')
    hold.release()
    while (rig.lines('second.tries').length < 1) await systemClock.sleep(0.05)
    await server.restart()
    runner = attachOnHost(server, 'one')
    await begun(4)
    hold.release()

    for (const id of ids) {
      let all = await attempts(id)
      while (!all.some(({ state }) => state === 'succeeded')) {
        await systemClock.sleep(0.1)
        all = await attempts(id)
      }
      t.match(all, [
        { attempt: 2, state: 'succeeded' },
        { attempt: 1, state: 'failed', exit_code: 1 },
      ])
    }
    t.same(rig.lines('began'), ['first', 'first', 'second', 'second'], 'one run after the other')
    t.same(rig.lines('clashes'), [])
    t.equal(await runner.stop(), 0)
  },
)
// A test on a server has set less.
t.setTimeout(1_200_000)
