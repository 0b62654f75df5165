import { existsSync, readFileSync, statSync } from 'node:fs'
import t from 'tap'
import type { Execution, Job, Token } from '../../src/protocol/messages.ts'
import { json, opened, play, said, say, start } from '../support/operator.ts'
import { rigTest } from '../support/rig.ts'
import { serverTest, type TestRunner, type TestServer } from '../support/server.ts'

/** A runner that stays connected without a word. */
async function quiet(server: TestServer, name: string): Promise<TestRunner> {
  const runner = await server.runner({ name })
  await runner.heartbeat({ free_slots: 0 })
  return runner
}
const patient = { settings: { lease_seconds: 60 } }

serverTest(t, 'jobs are defined, shown, run and removed', {}, async (t, server) => {
  t.equal((await say(server, ['job'])).out, 'no jobs\n')
  const put = await say(server, [
    'job',
    'put',
    'hello',
    '--image',
    'busybox',
    '--priority',
    '5',
    '--reuse',
    'job',
    '--',
    'echo',
    '-n',
    'x',
  ])
  t.same([put.status, put.out], [0, ''])
  t.match(put.err, 'job hello is defined')
  t.match(await json<Job>(server, ['job', 'show', 'hello']), {
    ...{ command: ['echo', '-n', 'x'], priority: 5, reuse: 'job' },
  })
  t.match(
    (await say(server, ['job', 'list'])).out,
    /^job +runs .*\nhello +echo -n x +busybox +default +5 +0\n$/,
  )
  const file = server.rig.file('job.json', JSON.stringify({ image: 'img', retries: 2 }))
  t.equal((await say(server, ['job', 'put', 'other', '--file', file])).status, 0)
  t.match(await json<Job[]>(server, ['job', 'list']), [{ name: 'hello' }, { name: 'other', retries: 2 }])
  const run = await say(server, ['job', 'run', 'hello'])
  t.match(run, { status: 0, out: /^[0-9a-f-]{36}\n$/, err: /runner log -f/ })
  t.match(await server.execution(run.out.trim()), { job_name: 'hello', state: 'queued', priority: 5 })
  t.match(await say(server, ['submit', 'hello']), { status: 0 })
  t.equal((await say(server, ['job', 'delete', 'hello'])).status, 0)
  t.match(await say(server, ['job', 'show', 'hello']), { status: 7, err: /there is no job hello/ })
  t.match(await say(server, ['submit', 'hello']), { status: 7 })
})

serverTest(t, 'a plugin gets its inputs and secrets as its SDK needs them', {}, async (t, server) => {
  const secret = server.rig.file('pw', 'from a file\n')
  const text = server.rig.file('text', 'two\nlines\n')
  const args = ['job', 'put', 'p', '--image', 'acme', '--type', 'acme.Deploy']
  const inputs = ['--input', 'to=test=1', '--input', `text=@${text}`]
  const secrets = ['--secret', `a=@${secret}`, '--secret', 'b=-', '--secret', 'c=env:THIRD']
  const options = { input: 'from stdin', env: { THIRD: 'from the environment' } }
  t.equal((await say(server, [...args, ...inputs, ...secrets], options)).status, 0)
  const runner = await server.runner()
  await server.call('POST', '/v1/jobs/p/run')
  const { input } = await runner.take()
  const context = opened(runner, input)
  const property = (name: string, value: string, password: boolean) => ({
    name,
    ...{ kind: 'STRING', category: 'input', password, value },
  })
  t.same(context.task, {
    type: 'acme.Deploy',
    properties: [
      property('to', 'test=1', false),
      property('text', 'two\nlines\n', false),
      property('a', 'from a file', true),
      property('b', 'from stdin', true),
      property('c', 'from the environment', true),
    ],
  })
})

serverTest(t, 'a secret on the command line is refused, and not repeated', {}, async (t, server) => {
  for (const [secret, message] of [
    ['PW=hunter2', /--secret PW: .*history of the shell; write key=@file/],
    ['hunter2', /--secret: /],
    ['PW=env:NOT_THERE', /has no NOT_THERE/],
    ['PW=@/not/there', /--secret PW: .*no such file/],
  ] as const) {
    const { status, err } = await say(server, ['submit', '--image', 'i', '--secret', secret])
    t.equal(status, 64)
    t.match(err, message)
    t.notMatch(err, 'hunter2')
  }
  const twice = await say(server, ['submit', '--image', 'i', '--secret', 'a=-', '--secret', 'b=-'], {
    input: 'x',
  })
  t.match(twice, { status: 64, err: /standard input has been read/ })
  t.same(await json(server, ['executions']), [])
})

serverTest(t, 'an input that is none is refused by the server', {}, async (t, server) => {
  for (const [task, message] of [
    [null, /input.task in the body must be object/],
    [{ type: 'a.B', properties: 5 }, /input.task.properties in the body must be array/],
    [{ type: 'a.B', properties: [null] }, /input.task.properties.0 in the body must be object/],
  ] as const) {
    const file = server.rig.file('job.json', JSON.stringify({ image: 'i', input: { task } }))
    t.match(await say(server, ['submit', '--file', file]), { status: 77, err: message })
  }
})

serverTest(t, 'executions are listed, filtered, shown, aborted and run again', {}, async (t, server) => {
  const runner = await server.runner()
  await using _ = runner.alive()
  for (const job_name of ['a', 'b', 'b']) await server.submit({ job_name })
  const done = await play(
    runner,
    '##[start: comment]fine##[end: comment]\n##[start: status]ok##[end: status]\n',
    {},
  )
  t.equal((await json<Execution[]>(server, ['executions'])).length, 3)
  t.equal((await json<Execution[]>(server, ['executions', '--limit', '2'])).length, 2)
  t.equal((await json<Execution[]>(server, ['executions', '--job', 'b'])).length, 2)
  const ended = await json<Execution[]>(server, ['executions', '--state', 'succeeded'])
  t.match(ended, [{ id: done.execution_id }])
  t.equal((await json<Execution[]>(server, ['executions', '--runner', runner.id])).length, 1)
  t.match(await say(server, ['executions', '--state', 'done']), {
    status: 64,
    err: /A state is one of queued/,
  })
  const table = (await say(server, ['executions'])).out.split('\n')
  t.match(table[0], /^execution +job +state +made +took +runner$/)
  const shown = (await say(server, ['executions', done.execution_id])).out
  for (const line of [/^comment +fine$/m, /^status line +ok$/m, /^state +succeeded$/m, /^runner +one$/m])
    t.match(shown, line)
  const queued = await json<Execution[]>(server, ['executions', '--state', 'queued'])
  const aborted = await json<Execution[]>(server, ['abort', ...queued.map(({ id }) => id)])
  t.same(
    aborted.map(({ state }) => state),
    ['aborted', 'aborted'],
  )
  t.match(await say(server, ['abort', done.execution_id]), { status: 77, err: /ended already/ })
  const again = start(server, ['rerun', done.execution_id, '--wait'])
  await play(runner, '', {})
  t.equal((await said(again)).status, 0)
})

serverTest(t, 'busy shows what runs, and what it says', patient, async (t, server) => {
  const runner = await server.runner()
  t.equal((await say(server, ['busy'])).out, 'nothing runs\n')
  const { id } = await server.submit({ job_name: 'long' })
  const reservation = await runner.begin()
  await runner.log(reservation, 0, 'first\nlast\n')
  t.match((await say(server, ['busy'])).out, new RegExp(`${id} +long +one +.* +last\n$`))
  const watch = start(server, ['busy', '--watch', '--json'])
  await watch.says(id)
  watch.child.kill('SIGINT')
  t.equal(await watch.ended, 0)
})

serverTest(t, 'runners are listed and told what they may do', patient, async (t, server) => {
  const runner = await quiet(server, 'build-3')
  for (const name of ['twin', 'twin']) await quiet(server, name)
  const one = (command: string, ...more: string[]) => say(server, ['runners', command, 'build-3', ...more])
  const now = async () => (await server.call('GET', `/v1/runners/${runner.id}`)).json
  t.match((await say(server, ['runners'])).out, new RegExp(`${runner.id} +build-3 +ready +default +0/4`))
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
  t.match(await one('delete'), { status: 0, err: /undelete/ })
  t.match(await now(), { deleted: true })
  t.match(await one('undelete'), { status: 0 })
  t.match(await now(), { deleted: false })
  t.match(await say(server, ['runners', 'enable', 'twin']), { status: 77, err: /several runners.*id/ })
  t.match(await say(server, ['runners', 'enable', 'nobody']), { status: 7 })
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
  t.match(refused, { status: 77, err: /admin token/ })
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

serverTest(t, 'a backup restores what it was made of, or nothing', {}, async (t, server) => {
  const file = server.rig.path('jobs.json')
  await say(server, ['job', 'put', 'a', '--image', 'i', '--secret', 'PW=env:PW'], {
    env: { PW: 'hush-hush' },
  })
  const before = (await say(server, ['backup'])).out
  t.match(await say(server, ['backup', file]), { status: 0, out: '', err: /1 jobs/ })
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.notMatch(readFileSync(file, 'utf8'), 'hush-hush')
  await say(server, ['job', 'delete', 'a'])
  t.match(await say(server, ['restore', file]), { status: 0 })
  const unsealed = (text: string) => JSON.parse(text.replaceAll(/sealed:v1:[^"]*/g, ''))
  t.same(unsealed((await say(server, ['backup'])).out), unsealed(before))
  const runner = await server.runner()
  await say(server, ['job', 'run', 'a'])
  const { secret_values } = await runner.take()
  t.same(opened(runner, secret_values).env, { PW: 'hush-hush' })
  const wrong = JSON.stringify([{ name: 'b', image: 'i' }, { name: 'c' }])
  const refused = await say(server, ['restore', '-'], { input: wrong })
  t.match(refused, { status: 77, err: /entry 1 \(c\)/ })
  t.equal((await json<Job[]>(server, ['job', 'list'])).length, 1)
  t.match(await say(server, ['restore', '-'], { input: '{' }), { status: 64, err: /no backup/ })
})

serverTest(t, 'which server and which token: options, environment, the local ones', {}, async (t, server) => {
  const { rig } = server
  const ask = async (args: string[], env: NodeJS.ProcessEnv = {}) =>
    said(rig.start(['job', ...args], { env }))
  const token = rig.path('state', 'server', 'admin.token')
  t.equal((await ask(['list', '--server', server.url, '--token-file', token])).status, 0)
  const env = { RUNNER_SERVER: server.url, RUNNER_SERVER_TOKEN_FILE: token }
  t.equal((await ask(['list'], env)).status, 0)
  t.match(await ask(['list', '--server', 'http://127.0.0.1:1'], env), {
    status: 69,
    err: /nothing listens.*runner server/,
  })
  t.match(await ask(['list', '--server', 'https://far.example']), {
    status: 78,
    err: /wants a token.*--token-file/,
  })
  t.match(await ask(['list', '--server', 'ftp://x']), { status: 64, err: /https:\/\/host:port/ })
  t.match(await ask(['list', '--token-file', rig.path('none')], env), { status: 78, err: /not there/ })
  const key = rig.file('key', '-----BEGIN PRIVATE KEY-----\nabc\n')
  t.match(await ask(['list', '--token-file', key], env), { status: 78, err: /there is no token in/ })
  const stranger = rig.file('stranger', 'rnr_admin_AAAA\n')
  t.match(await ask(['list', '--token-file', stranger], env), { status: 77, err: /token of|another server/ })
  rig.configure({}, `[server]\nlisten = 127.0.0.1:${new URL(server.url).port}\n`)
  t.equal((await ask(['list'])).status, 0, 'the address of [server]')
  t.equal((await ask(['list', '--server', server.url])).status, 0, 'the same address, named')
  const local = server.url.replace('127.0.0.1', 'localhost')
  t.equal((await ask(['list', '--server', local])).status, 0, 'the same place')
})

rigTest(t, 'without a server, what is missing is said', {}, async (t, rig) => {
  const run = await said(rig.start(['busy']))
  t.match(run, { status: 78, err: /admin\.token cannot be read: it is not there; be the user.*--token-file/ })
  for (const args of [
    ['submit'],
    ['submit', 'a', 'b'],
    ['submit', 'a', '--env', 'x=y'],
    ['submit', '--file', 'none'],
  ])
    t.equal((await said(rig.start(args))).status, 64, args.join(' '))
  t.notOk(existsSync(rig.path('state', 'server')), 'nothing is made')
})

t.test('help of every command has examples and says how it ends', async t => {
  const { commandLine } = await import('../../scripts/command-line.ts')
  for (const { name, options, after } of commandLine().commands) {
    if (!options.some(({ long }) => long === '--server')) continue
    t.match(after, /Examples:\n {2}runner /, name)
    t.match(after, /Exit status/, name)
    t.ok(
      options.some(({ long }) => long === '--json'),
      `${name} --json`,
    )
  }
})

serverTest(t, 'what is no id is that of nothing', {}, async (t, server) => {
  for (const args of [['executions'], ['log'], ['abort'], ['rerun'], ['token', 'revoke']]) {
    const { status, err } = await say(server, [...args, 'nope'])
    t.equal(status, 7)
    t.match(err, /^runner: there is no (execution|token) nope; `runner .*` has their ids\n$/)
  }
  const { id } = await server.submit()
  const several = await say(server, ['abort', 'nope', id, 'nor this'])
  t.match(several, { status: 7, out: `${id} aborted\n`, err: /^runner: nope: .*\nrunner: nor this: .*\n$/ })
})
