import { readFileSync, statSync } from 'node:fs'
import t from 'tap'
import type { Token } from '../../../src/protocol/messages/tokens.ts'
import { json, say, start } from '../../support/operator.ts'
import { serverTest, type TestRunner, type TestServer } from '../../support/server.ts'

/** A runner that stays connected without a word. */
async function quiet(server: TestServer, name: string): Promise<TestRunner> {
  const runner = await server.runner({ name })
  await runner.heartbeat({ free_slots: 0 })
  return runner
}
const patient = { settings: { lease_seconds: 60 } }

serverTest(t, 'busy shows what runs, and what it says', patient, async (t, server) => {
  const runner = await server.runner()
  t.equal((await say(server, ['busy'])).out, 'nothing runs\n')
  const { id } = await server.submit({ job_name: 'long' })
  const reservation = await runner.begin()
  await runner.log(reservation, 0, 'first\nlast\n')
  t.match((await say(server, ['busy'])).out, new RegExp(`\n${id.slice(0, 13)} +long +one +.* +last\n$`))
  const watch = start(server, ['busy', '--watch', '--json'])
  await watch.says(id)
  watch.child.kill('SIGINT')
  t.equal(await watch.ended, 0)
})

serverTest(t, 'nodes are found by what they say of themselves', patient, async (t, server) => {
  for (const [name, environment] of [
    ['one', 'production'],
    ['two', 'test'],
  ] as const)
    await server.runner({ name, metadata: { environment, site: 'a' } })
  const names = async (...pairs: string[]) => {
    const options = pairs.flatMap(pair => ['--metadata', pair])
    const { out } = await say(server, ['node', 'list', ...options, '--json'])
    return (JSON.parse(out) as { name: string }[]).map(({ name }) => name)
  }
  t.same(await names('environment=production'), ['one'])
  t.same(await names('site=a', 'environment=test'), ['two'])
  t.same(await names('site=a'), ['one', 'two'])
  t.same(await names('site=b'), [])
  t.match(await say(server, ['node', 'list', '--metadata', 'site']), {
    status: 64,
    err: /a name and a value/,
  })
})

serverTest(t, 'runners are listed and told what they may do', patient, async (t, server) => {
  const runner = await quiet(server, 'build-3')
  for (const name of ['twin', 'twin']) {
    const { id } = await quiet(server, name)
    t.match(await say(server, ['runners', 'delete', id]), { status: 0 })
  }
  const one = (command: string, ...more: string[]) => say(server, ['runners', command, 'build-3', ...more])
  const now = async () => (await server.call('GET', `/v1/runners/${runner.id}`)).json
  t.match(
    (await say(server, ['runners'])).out,
    new RegExp(`\nbuild-3 +${runner.id.slice(0, 13)} +ready +default +0/4`),
  )
  t.match(await one('disable'), { status: 0, out: /ready, disabled/ })
  t.match(await now(), { enabled: false })
  await one('enable')
  t.match(await one('taint', 'maintenance', 'disk'), { status: 0, out: /maintenance disk/ })
  await one('taint', 'disk', 'fan')
  t.same((await now()).taints, ['maintenance', 'disk', 'fan'])
  await one('untaint', 'disk')
  t.same((await now()).taints, ['maintenance', 'fan'])
  await one('untaint')
  t.same((await now()).taints, [])
  await one('capacity', '9')
  t.match(await now(), { enabled: true, capacity: 9 })
  t.match(await one('capacity', 'many'), { status: 64 })
  t.match(await one('set', '--group', 'prod', '--capabilities', 'gpu,container'), {
    status: 0,
    out: / prod /,
  })
  t.match(await now(), { runner_group: 'prod', capabilities: ['container', 'gpu'], taints: [], capacity: 9 })
  await one('set', '--capabilities', '', '--taints', 'old,slow')
  t.match(await now(), { runner_group: 'prod', taints: ['old', 'slow'] })
  t.same((await now()).capabilities, [])
  t.match(await one('set'), { status: 64, err: /--group, --capabilities or --taints/ })
  t.match(await one('set', '--group', 'a b'), { status: 77, err: /runner_group/ })
  t.match(await one('delete'), { status: 0, err: /undelete/ })
  t.match(await now(), { deleted: true })
  t.match(await one('undelete'), { status: 0 })
  t.match(await now(), { deleted: false })
  t.match(await say(server, ['runners', 'enable', 'twin']), {
    status: 77,
    err: /several nodes are called twin: .*id/,
  })
  t.match(await say(server, ['node', 'enable', 'nobody']), {
    status: 7,
    err: /^runner: there is no node nobody; /,
  })
})

serverTest(t, 'groups have a mode, a leader and a pin', patient, async (t, server) => {
  await quiet(server, 'first')
  const second = await quiet(server, 'second')
  t.match((await say(server, ['groups'])).out, /default +all +2\n/)
  t.match(await say(server, ['groups', 'leader', 'default']), { status: 0, out: '', err: /has no leader/ })
  t.match((await say(server, ['groups', 'mode', 'default', 'leader'])).out, /default +leader +2 +first/)
  t.match((await say(server, ['groups', 'leader', 'default'])).out, /^first /)
  t.match(
    (await say(server, ['groups', 'pin', 'default', 'second'])).out,
    /default +leader +2 +second +second/,
  )
  t.match(await json(server, ['groups', 'unpin', 'default']), {
    pinned_runner_id: null,
    leader_runner_id: second.id,
  })
  t.match(await say(server, ['groups', 'mode', 'default', 'some']), { status: 64 })
})

serverTest(t, 'tokens are made, listed, used and revoked', {}, async (t, server) => {
  const path = server.rig.path('viewer.token')
  const create = ['token', 'create', 'viewer', 'a screen', '--expires-in', '1h', '--out', path]
  t.match(await say(server, create), { status: 0, out: '' })
  t.equal(statSync(path).mode & 0o777, 0o600)
  const viewer = (args: string[]) => say(server, [...args, '--token-file', path])
  t.equal((await viewer(['executions'])).status, 0)
  const refused = await viewer(['submit', '--image', 'i'])
  t.match(refused, { status: 77, err: /runner whoami/ })
  t.notMatch(refused.err, readFileSync(path, 'utf8').trim())
  const made = (await json<Token[]>(server, ['token', 'list'])).find(({ name }) => name === 'a screen')!
  t.match(made, { kind: 'viewer', expires_at: String })
  t.match((await say(server, ['token'])).out, /viewer +a screen/)
  t.match(await say(server, ['token', 'revoke', made.id]), { status: 0 })
  t.match(await viewer(['executions']), { status: 77, err: /revoked/ })
  t.match((await say(server, ['token', 'create', 'registration', 'r'])).out, /^rnr_registration_\S+\n$/)
  const nowhere = await say(server, [
    'token',
    'create',
    'viewer',
    'lost',
    '--out',
    server.rig.path('no', 'x'),
  ])
  t.match(nowhere, { status: 69, err: /revoked again/ })
  t.notOk((await json<Token[]>(server, ['token', 'list'])).some(({ name }) => name === 'lost'))
})
