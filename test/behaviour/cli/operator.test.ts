import { existsSync } from 'node:fs'
import t from 'tap'
import type { Execution } from '../../../src/protocol/messages/executions.ts'
import { json, play, said, say, start } from '../../support/operator.ts'
import { rigTest } from '../../support/rig.ts'
import { serverTest } from '../../support/server.ts'

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
  t.match(table[0], /^execution +job +state +made +took +node +why$/)
  const shown = (await say(server, ['show', done.execution_id])).out
  for (const line of [/^comment +fine$/m, /^status line +ok$/m, /^state +succeeded$/m, /^node +one$/m])
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
  t.match(await ask(['list', '--token-file', rig.path('none')], env), { status: 78, err: /does not exist/ })
  const key = rig.file('key', '-----BEGIN PRIVATE KEY-----\nabc\n')
  t.match(await ask(['list', '--token-file', key], env), { status: 78, err: /there is no token in/ })
  const stranger = rig.file('stranger', 'rnr_admin_AAAA\n')
  t.match(await ask(['list', '--token-file', stranger], env), { status: 77, err: /does not know this token/ })
  rig.configure({}, `[server]\nlisten = 127.0.0.1:${new URL(server.url).port}\n`)
  t.equal((await ask(['list'])).status, 0, 'the address of [server]')
  t.equal((await ask(['list', '--server', server.url])).status, 0, 'the same address, named')
  const local = server.url.replace('127.0.0.1', 'localhost')
  t.equal((await ask(['list', '--server', local])).status, 0, 'the same place')
})

rigTest(t, 'without a server, what is missing is said', {}, async (t, rig) => {
  const run = await said(rig.start(['busy']))
  t.match(run, {
    status: 78,
    err: /no server is named, and this user has none on this host \(there is no .*admin\.token\): start one by `runner server`, .*--token-file/,
  })
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
  const { commandLine } = await import('../../../scripts/command-line.ts')
  for (const { name, options, after } of (await commandLine()).commands) {
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
  for (const args of [['show'], ['executions'], ['abort'], ['rerun'], ['token', 'revoke']]) {
    const { status, err } = await say(server, [...args, 'nope'])
    t.equal(status, 7)
    t.match(
      err,
      /^runner: there is no (execution nope: it goes by .*|token nope: it goes by .*); `runner .*` .*ids?\n$/,
    )
  }
  const { id } = await server.submit()
  const several = await say(server, ['abort', 'nope', id, 'nor this'])
  t.match(several, { status: 7, out: `${id} aborted\n`, err: /^runner: nope: .*\nrunner: nor this: .*\n$/ })
})
