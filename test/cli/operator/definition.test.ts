import t from 'tap'
import type { Execution } from '../../../src/protocol/messages/executions.ts'
import type { Job } from '../../../src/protocol/messages/jobs.ts'
import { unseal } from '../../../src/protocol/seal.ts'
import { json, say } from '../../support/operator.ts'
import { serverTest } from '../../support/server.ts'

serverTest(t, 'outputs are declared, and inputs have the values that JSON has', {}, async (t, server) => {
  const runner = await server.runner()
  const list = server.rig.file('list', '["a", 12345678901234567890]')
  const server1 = { id: 's', type: 'a.Server', properties: [{ name: 'p', password: true, value: 'hush' }] }
  const item = server.rig.file('item', JSON.stringify(server1))
  const inputs = [
    '--input',
    'text=30',
    '--input-json',
    'n=30',
    '--input-json',
    'flag=true',
    '--input-json',
    'x=1.5',
  ]
  const files = [
    '--input-json',
    `list=@${list}`,
    '--input-json',
    `ci=@${item}`,
    '--input-json',
    'map={"a": "b"}',
  ]
  const outputs = ['--output', 'url', '--output', 'token', '--secret-output', 'token']
  const made = await say(server, ['submit', '--image', 'i', '--type', 'a.B', ...inputs, ...files, ...outputs])
  t.equal(made.status, 0, made.err)
  const plain = unseal((await runner.take()).input!, runner.dataKey)
  const property = (name: string, kind: string, category: string, password: boolean, value: string) =>
    `{"name":"${name}","kind":"${kind}","category":"${category}","password":${password},"value":${value}}`
  const properties = [
    property('text', 'STRING', 'input', false, '"30"'),
    property('n', 'INTEGER', 'input', false, '30'),
    property('flag', 'BOOLEAN', 'input', false, 'true'),
    property('x', 'STRING', 'input', false, '1.5'),
    property('list', 'LIST_OF_STRING', 'input', false, '["a",12345678901234567890]'),
    property('ci', 'CI', 'input', false, JSON.stringify(server1)),
    property('map', 'MAP_STRING_STRING', 'input', false, '{"a":"b"}'),
    property('url', 'STRING', 'output', false, 'null'),
    property('token', 'STRING', 'output', true, 'null'),
  ]
  t.equal(
    plain.ok && plain.value.toString(),
    `{"task":{"type":"a.B","properties":[${properties.join(',')}]}}`,
  )
  // The same of a file, which options change.
  const job = server.rig.file(
    'job.json',
    `{"image": "i", "input": {"task": {"type": "a.B", "properties": [${properties.join(',')}]}}}`,
  )
  const changed = ['--file', job, '--input-json', 'n=31', '--secret-output', 'url']
  t.match(await say(server, ['job', 'put', 'j', ...changed]), { status: 0 })
  const shown = await json<Job>(server, ['job', 'show', 'j'])
  t.match(shown.input?.task.properties.slice(-2), [
    { name: 'n', value: 31 },
    { name: 'url', category: 'output', password: true },
  ])
  const deep = server.rig.file('deep', `${'['.repeat(5000)}1e400${']'.repeat(5000)}`)
  for (const [args, message] of [
    [
      ['--input', 'url=a', '--output', 'url'],
      /url is an input and an output: a task has one property of each name/,
    ],
    [['--secret-output', 'a', '--secret', 'a=env:HOME'], /a is an input and an output/],
    [['--file', job, '--input', 'url=a'], /url is an input and an output/],
    [['--file', job, '--output', 'flag'], /flag is an input and an output/],
    [
      ['--input', 'a=b', '--input-json', 'a=1'],
      /a is given twice, by two of --input, --input-json and --secret/,
    ],
    [['--input-json', 'a=nope'], /--input-json a: it is not JSON, such as 30/],
    [['--input-json', 'a'], /--input-json a: write key=value/],
    [['--input-json', `a=@${deep}`], /--input-json a: it has more than 120 levels/],
    [['--file', deep], /has more than 120 levels/],
    [
      ['--input-json', `ci=${JSON.stringify(server1)}`],
      /--input-json ci: there is a password in it, which can be seen by all users of this host; write ci=@file$/m,
    ],
  ] as const) {
    const { status, err } = await say(server, ['submit', '--image', 'i', '--type', 'a.B', ...args])
    t.match([status, err], [64, message])
    t.notMatch(err, 'hush')
  }
  for (const option of ['--output', '--secret-output', '--input-json'])
    t.match(await say(server, ['submit', '--image', 'i', option, 'a=1', '--', 'true']), {
      status: 64,
      err: `${option} is for a plugin: name its task by --type prefix.ClassName`,
    })
  t.match(await say(server, ['submit', 'j', '--output', 'a']), { status: 64, err: /runs as it is defined/ })
  t.equal((await json<Execution[]>(server, ['executions'])).length, 1)
})

serverTest(
  t,
  'the options say when it is tried again, and what it does beside others',
  {},
  async (t, server) => {
    const retry = [
      '--retry-delay',
      '1.5',
      '--retry-backoff',
      '2',
      '--retry-max-delay',
      '60',
      '--retry-jitter',
      '3',
    ]
    const codes = ['--retry-on', '1,75,1', '--retry-not-on', '2']
    const beside = [
      '--concurrency',
      'queue',
      '--queue-limit',
      '3',
      '--concurrency-key',
      'db',
      '--concurrency-limit',
      '2',
    ]
    const put = await say(server, ['job', 'put', 'j', '--image', 'i', ...retry, ...codes, ...beside])
    t.equal(put.status, 0, put.err)
    t.match(await json<Job>(server, ['job', 'show', 'j']), {
      retry: {
        delay_seconds: 1.5,
        backoff: 2,
        max_delay_seconds: 60,
        jitter_seconds: 3,
        on_exit_codes: [1, 75],
        not_on_exit_codes: [2],
      },
      concurrency: 'queue',
      queue_limit: 3,
      concurrency_key: 'db',
      concurrency_limit: 2,
    })
    const file = server.rig.file('retry.json', '{"image": "i", "retry": {"backoff": 3, "delay_seconds": 9}}')
    await json(server, ['job', 'put', 'k', '--file', file, '--retry-delay', '0'])
    t.match(await json<Job>(server, ['job', 'show', 'k']), { retry: { backoff: 3, delay_seconds: 0 } })
    for (const wrong of [
      ['--retry-backoff', '0.5'],
      ['--retry-on', '1;2'],
      ['--queue-limit', '0'],
    ])
      t.match(await say(server, ['submit', '--image', 'i', ...wrong]), { status: 64 }, wrong.join(' '))
  },
)
