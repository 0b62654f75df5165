import t, { type Test } from 'tap'
import { attachTest } from '../../../support/attached.ts'
import { Engine } from '../../../support/engine.ts'
import { executorNeeds } from '../../../support/executors.ts'
import { makeImage, pluginImage, withBusybox } from '../../../support/images.ts'
import { json, say } from '../../../support/operator.ts'
import { testWith } from '../../../support/require.ts'
import { type Rig, rigTest } from '../../../support/rig.ts'

t.setTimeout(900_000)

/** An input of the shape that servers of plugins send, with all that the contract does not need. */
const shaped = (type: string) =>
  `{"release":{"id":"R","url":"http://r","automatedTaskAsUser":{"username":null,"password":null,"roles":["a"]},"more":[1.5]},` +
  `"task":{"id":7,"type":"${type}","properties":[` +
  `{"name":"capabilities","value":["remote"],"kind":"SET_OF_STRING","category":"input","password":false},` +
  `{"name":"folderId","value":"Applications/Folder","kind":"STRING","category":"FOLDER_CONFIG","password":false},` +
  `{"name":"","value":null,"kind":"${'K'.repeat(100)}","category":{"of":"its own"},"password":null},` +
  `{"name":"${'n'.repeat(300)}","kind":["list"],"category":5},` +
  `{"name":"big","value":12345678901234567890,"kind":"INTEGER","category":"input","hint":0.10000000000000000001},` +
  `{"name":"odd","value":{"__proto__":{"a":1},"constructor":{"prototype":{}},"quotes":"\\"\\\\ü😀"}},` +
  `{"name":"response","value":null,"kind":"STRING","category":"output","password":false}],` +
  `"url":"u","comments":{"deep":[[[{}]]]}},"context":{"any":[true,null,-1e+300]},"version":1e400}`

testWith(t, 'what plugins are given, and what they leave', executorNeeds, async t => {
  await using engine = await Engine.start()
  await makeImage(engine, 'box', { fill: withBusybox })
  await pluginImage(engine, 'plugin')
  const config = `[executor]\ndocker_host = unix://${engine.socket}\nnetwork = none\npull = never\nmemory = 256M\n`
  const run = async (rig: Rig, ...args: string[]) => {
    const run = rig.start(['plugin', 'run', '--json', ...args])
    const status = await run.ended
    const lines = Buffer.concat(run.out).toString().trimEnd().split('\n')
    const events = lines.map(line => JSON.parse(line) as { event: string; text?: string })
    return { status, events, end: events.at(-1)!, log: events.map(({ text = '' }) => text).join(''), run }
  }
  const alone = (title: string, body: (t: Test, rig: Rig) => Promise<unknown>) =>
    rigTest(t, title, { config }, body)

  await alone('an input arrives as it was given, whatever is in it: plugin run', async (t, rig) => {
    const file = rig.file('definition', `{"input": ${shaped('test.echo')}}`)
    const {
      status,
      log,
      run: { err },
    } = await run(rig, '--file', file, 'plugin')
    t.equal(status, 0, Buffer.concat(err).toString())
    t.equal(log, `${shaped('test.echo').replace('-1e+300', JSON.stringify(-1e300))}\n`)
  })

  await attachTest(
    t,
    'an input arrives as it was given, whatever is in it: server',
    engine,
    {},
    async (t, fleet) => {
      const runner = await fleet.attach('one')
      const { server } = fleet
      const body = `{"image": "plugin", "input": ${shaped('test.echo')}}`
      const made = await server.call('PUT', '/v1/jobs/echo', {
        body,
        headers: { 'content-type': 'application/json' },
      })
      t.equal(made.status, 201, made.text)
      // Defined again from what is shown, and from a backup.
      const file = fleet.rig.file('job.json', (await say(server, ['job', 'show', 'echo'])).out)
      t.match(await say(server, ['job', 'put', 'echo', '--file', file]), { status: 0 })
      const backup = fleet.rig.path('jobs.json')
      t.match(await say(server, ['backup', backup]), { status: 0 })
      t.match(await say(server, ['restore', backup]), { status: 0 })
      const expected = `${shaped('test.echo').replace('-1e+300', JSON.stringify(-1e300))}\n`
      t.equal((await say(server, ['submit', 'echo', '--wait'])).out, expected)
      t.equal(await runner.stop(), 0)
    },
  )

  const leaked = (end: unknown) => {
    const text = JSON.stringify(end)
    return ['s3cr3t-w0rd', 'made-token', 'czNjcjN0', '98765'].filter(secret => text.includes(secret))
  }
  const shown = {
    token: '********',
    url: `https://${'*'.repeat(10)}@${'*'.repeat(11)}`,
    ['*'.repeat(11)]: { deep: [/^\*+=?$/, '*****', '*'.repeat(10)] },
  }
  const records = [{ type: 'udm.BuildRecord', id: '*'.repeat(11), build: '*'.repeat(10) }]
  const error_message = `no ${'*'.repeat(11)}, no ${'*'.repeat(10)}`
  const leak = [
    '--type',
    'test.leak',
    '--secret',
    'password=@pw',
    '--secret',
    'pin=@pin',
    '--secret-output',
    'token',
  ]

  await alone('no secret is in what a plugin leaves: plugin run', async (t, rig) => {
    rig.file('pw', 's3cr3t-w0rd')
    rig.file('pin', '98765')
    const {
      status,
      end,
      run: { err },
    } = await run(rig, ...leak, 'plugin')
    t.equal(status, 4, Buffer.concat(err).toString())
    t.same(leaked(end), [])
    t.match(end, {
      error_message,
      output: { jobErrorMessage: error_message, outputProperties: shown, reportingRecords: records },
    })
    const said = rig.start(['plugin', 'run', ...leak, 'plugin'])
    t.equal(await said.ended, 4)
    t.same(leaked(said.text), [])
    t.match(said.text, /reporting records:\nrunner: {3}\{"type":"udm.BuildRecord","id":"\*{11}"/)
  })

  await attachTest(t, 'no secret is in what a plugin leaves: server', engine, {}, async (t, fleet) => {
    const runner = await fleet.attach('one')
    const { server, rig } = fleet
    rig.file('pw', 's3cr3t-w0rd')
    rig.file('pin', '98765')
    const made = await say(server, ['submit', '--image', 'plugin', ...leak])
    const end = await fleet.ended(made.out.trim())
    t.same(leaked(end), [])
    t.match(end, { error_message, output_properties: shown, reporting_records: records })
    t.same(await json<unknown>(server, ['executions', end.id]), end)
    t.match((await say(server, ['executions', end.id])).out, /^reporting record +\{"type":"udm.BuildRecord"/m)
    t.equal(await runner.stop(), 0)
    t.same(leaked(runner.run.text), [], 'nor in the log of the runner')
  })
})
