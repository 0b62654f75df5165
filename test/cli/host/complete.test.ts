import { writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import t from 'tap'
import { completionsOf, optionsIn } from '../../../src/cli/host/complete.ts'
import { makeFifo } from '../../support/fifo.ts'
import { play, said } from '../../support/operator.ts'
import { rigTest } from '../../support/rig.ts'
import { serverTest } from '../../support/server.ts'

t.test('the options that say where to look are found as a shell has them', async t => {
  const options = (...words: string[]) => optionsIn(words, '/home/me')
  t.same(options('-c', '~/x.cfg', 'run', '--task-dir="a b"'), { config: '/home/me/x.cfg', taskDir: 'a b' })
  t.same(options('run', '--', '-c', 'x'), {})
  t.same(options('ps', '--server'), {}, 'one whose value is missing')
  t.same(options('--insecure-permissions', '-n', '1'), { insecurePermissions: true })
})

serverTest(t, 'what the server knows is proposed', {}, async (t, server) => {
  const env = {
    RUNNER_SERVER: server.url,
    RUNNER_SERVER_TOKEN_FILE: server.rig.path('state', 'server', 'admin.token'),
  }
  const values = async (kind: string, ...words: string[]) =>
    (await completionsOf(kind, ['-c', server.rig.path('runner.cfg'), ...words, ''], env)).map(
      ([value]) => value,
    )
  await server.call('PUT', '/v1/jobs/nightly', { body: { image: 'busybox', command: ['true'] } })
  const runner = await server.runner({ name: 'build-3' })
  const { id: ended } = await server.submit({ job_name: 'early' })
  await play(runner, '', {})
  const { id: queued } = await server.submit({ job_name: 'nightly' })
  t.same(await values('jobs'), ['nightly'])
  t.same(await values('nodes'), ['build-3'])
  t.same(await values('groups'), ['default'])
  t.same(await values('namespaces'), ['default'])
  t.same(await values('executions'), [queued, ended, 'nightly@latest', 'early@latest'])
  t.same(await values('active'), [queued, 'nightly@latest'], 'what can be aborted')
  const beginning = await completionsOf('executions', ['show', ended.slice(0, 30)], env)
  t.equal(beginning[0]![0], ended, 'also where it is not among the latest')
  const tokens = await completionsOf('tokens', ['token', 'revoke', ''], env)
  t.match(tokens.map(([, about]) => about).sort(), [/^admin /, /^registration /])
  t.notMatch(JSON.stringify(tokens), server.token('admin'))
  const states = await completionsOf('states', ['ps', '--state=queued,'], env)
  t.ok(
    states.some(([value]) => value === 'queued,running') &&
      !states.some(([value]) => value === 'queued,queued'),
  )
  t.ok((await values('zones')).includes('Europe/Berlin'))
  t.same(await completionsOf('nonsense', ['x'], env), [])
  t.same(await completionsOf('constructor', ['x'], env), [])
})

rigTest(
  t,
  'a shell gets what is there, no error and no wait',
  { tasks: { '10-mount.sh': 'echo hi', '20-x\n.sh': '' }, config: '[limits]\npassword = hunter2\n' },
  async (t, rig) => {
    const values = async (...words: string[]) =>
      (await completionsOf(words[0]!, ['-c', rig.path('runner.cfg'), ...words.slice(1), ''], {})).map(
        ([value]) => value,
      )
    const keys = await values('keys', 'get')
    t.ok(keys.includes('limits.password') && keys.includes('limits'))
    t.notMatch(JSON.stringify(await completionsOf('keys', ['-c', rig.path('runner.cfg'), ''], {})), 'hunter2')
    t.same(await values('runs', 'explain'), [])
    const sockets: Socket[] = []
    const silent = createServer(socket => sockets.push(socket)).listen(0, '127.0.0.1')
    await new Promise(resolve => silent.once('listening', resolve))
    const { port } = silent.address() as { port: number }
    writeFileSync(rig.path('token'), 'some-token')
    const line = ['logs', '--server', `http://127.0.0.1:${port}`, '--token-file', rig.path('token'), '']
    const both = await said(rig.start(['__complete', 'logs', '--', ...line]))
    t.same(both, { status: 0, out: '10-mount.sh\tmount\n', err: '' }, 'without the name that is two lines')
    for (const socket of sockets) socket.destroy()
    silent.close()
    t.ok(sockets.length > 0)
    makeFifo(rig.path('fifo'))
    const fifo = { RUNNER_SERVER_TOKEN_FILE: rig.path('fifo'), RUNNER_SERVER: `http://127.0.0.1:${port}` }
    t.same(await completionsOf('nodes', ['x'], fifo), [], 'a FIFO is not read')
    for (const kind of ['tasks', 'runs', 'keys', 'jobs'])
      t.same(await completionsOf(kind, ['-c', '/nonexistent/runner.cfg', ''], {}), [], kind)
  },
)
