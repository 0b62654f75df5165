import { readFileSync, statSync } from 'node:fs'
import t from 'tap'
import type { Job } from '../../../src/protocol/messages/jobs.ts'
import { json, opened, say } from '../../support/operator.ts'
import { serverTest } from '../../support/server.ts'

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
    command: ['echo', '-n', 'x'],
    priority: 5,
    reuse: 'job',
  })
  t.match(
    (await say(server, ['job', 'list'])).out,
    /^job +runs .*\nhello +echo -n x +busybox +default +5 +0\n$/,
  )
  const file = server.rig.file('job.json', JSON.stringify({ image: 'img', retries: 2 }))
  t.equal((await say(server, ['job', 'put', 'other', '--file', file])).status, 0)
  t.match(await json<Job[]>(server, ['job', 'list']), [{ name: 'hello' }, { name: 'other', retries: 2 }])
  const run = await say(server, ['job', 'run', 'hello'])
  t.match(run, { status: 0, out: /^[0-9a-f-]{36}\n$/, err: /runner logs -f/ })
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
    kind: 'STRING',
    category: 'input',
    password,
    value,
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

serverTest(t, 'a backup restores what it was made of, or nothing', {}, async (t, server) => {
  const file = server.rig.path('jobs.json')
  await say(server, ['job', 'put', 'a', '--image', 'i', '--secret', 'PW=env:PW'], {
    env: { PW: 'hush-hush' },
  })
  const before = (await say(server, ['backup'])).out
  t.match(await say(server, ['backup', file]), { status: 0, out: '', err: /1 job is in/ })
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
  t.match(await say(server, ['restore', '-'], { input: '{' }), { status: 64, err: /is not a backup: it/ })
})
