import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { execa } from 'execa'
import t from 'tap'
import { program, root } from '../../support/require.ts'
import { serverTest, sqlite, TestRunner } from '../../support/server.ts'

const strace = program('strace')

serverTest(
  t,
  'what is acknowledged for good is on disk before the answer, and a heartbeat is not',
  {
    settings: { lease_seconds: 600, confirm_within_seconds: 600 },
    stores: [{ ...sqlite, needs: [root, strace] }],
  },
  async (t, server) => {
    const runner = await server.runner()
    const trace = server.rig.path('state', 'trace')
    const words = ['-f', '-e', 'fsync', '-o', trace, '-p', String(server.pid)]
    const tracer = execa(strace.path, words, { reject: false })
    await once(tracer.stderr, 'data')
    const syncs = () => readFileSync(trace, 'utf8').split('fsync(').length
    const syncsIn = async (call: () => Promise<unknown>) => {
      const before = syncs()
      await call()
      return syncs() - before
    }
    t.equal(await syncsIn(() => runner.heartbeat()), 0)
    t.ok((await syncsIn(() => server.submit())) > 0)
    for (let session = 2; session < 5; session++) {
      const next = await TestRunner.register(server, { uuid: runner.id })
      t.ok((await syncsIn(() => next.heartbeat())) > 0, `session ${session} is in force`)
      t.equal(await syncsIn(() => next.heartbeat()), 0)
    }
    tracer.kill()
    await tracer
  },
)
