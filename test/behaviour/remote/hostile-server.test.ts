/*
 * A server that is hostile, newer, or broken, against the real `runner attach`: each part that does not fit
 * is refused alone, and the runner goes on. Scripts need no engine to be accepted and confirmed.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import { channelEvents } from '../../../src/protocol/messages/channel.ts'
import { HeartbeatAnswer } from '../../../src/protocol/messages/heartbeats.ts'
import { Attached } from '../../support/attached.ts'
import { fromSchema, type Schema, spoilt } from '../../support/from-schema.ts'
import { type Heard, HostileServer, type Say, settings } from '../../support/hostile-server.ts'
import { type Rig, rigTest } from '../../support/rig.ts'

t.setTimeout(720_000)

interface Parts {
  rig: Rig
  server: HostileServer
  runner: Attached
  /** Sends a script that means well, and waits until it is confirmed: nothing before it has stopped the runner. */
  isWell(): Promise<void>
}

function test(title: string, say: Say, body: (t: Test, parts: Parts) => Promise<unknown>): void {
  rigTest(t, title, {}, async (t, rig) => {
    await using server = await HostileServer.start(say)
    rig.file('token', 'rnr_registration_x')
    rig.configure(
      {},
      `[remote]\nurl = ${server.url}\ntoken_file = token\nhealth_listen = 127.0.0.1:0\n[executor]\ndocker_host = unix:///nowhere.sock`,
    )
    const runner = new Attached(rig.start(['attach', '--json'], { lasting: true }))
    const isWell = async () => {
      const script = server.reservation()
      await server.event('execute-script', script)
      await server.hears(({ path }) => path === `/v1/executions/${script.execution_id}/confirm`)
      t.equal(runner.run.child.exitCode, null)
    }
    try {
      await body(t, { rig, server, runner, isWell })
      t.notMatch(runner.run.transcript, /\n\s+at .*\(.*:\d+:\d+\)/, 'no stack is shown')
    } finally {
      // Scripts wait for an engine that never comes: the third signal leaves at once.
      runner.run.child.kill('SIGTERM')
      await runner.event('runner:draining')
      runner.run.child.kill('SIGINT')
      runner.run.child.kill('SIGTERM')
      await runner.run.ended
    }
  })
}

const refuses = (runner: Attached, what: RegExp) =>
  runner.event('notice', ({ message }) => what.test(message))

test('an execution_id that leads elsewhere writes nothing there', undefinedly, async (t, parts) => {
  const { rig, server, runner, isWell } = parts
  mkdirSync(rig.path('victim'))
  rig.file('victim/own', 'mine')
  const spool = rig.path('state', 'remote', 'spool')
  for (const execution_id of [
    '../../../victim',
    '..',
    '.',
    '',
    'a/../../../../victim',
    `${'x'.repeat(300)}`,
    7,
  ])
    await server.event('execute-script', server.reservation({ execution_id }))
  await refuses(runner, /execute-script|execution_id in the answer/)
  await isWell()
  t.same(readdirSync(rig.path('victim')), ['own'])
  t.equal(readFileSync(rig.path('victim', 'own'), 'utf8'), 'mine')
  for (const name of readdirSync(spool)) t.match(name, /^[0-9a-f]{8}-/)
  t.ok(existsSync(spool))
})

/** Says nothing of its own. */
function undefinedly(): undefined {}

let state: object | undefined
test(
  'one bad item of a heartbeat answer or of the channel state is refused alone',
  ({ path }) => {
    const said = state
    if (!path.endsWith('/heartbeat') || said === undefined) return undefined
    state = undefined
    return { body: said }
  },
  async (t, { server, runner, isWell }) => {
    await isWell()
    const good = server.reservation()
    const held = server.heard.find(({ path }) => path.endsWith('/confirm'))!.path.split('/')[3]!
    // A channel state makes the runner say at once what it holds.
    const clean = { settings, role: null, abort: [], scripts: [] }
    const lists = ({ path, body }: Heard) => path.endsWith('/heartbeat') && body.executions.includes(held)
    while (!server.heard.some(lists)) {
      const before = server.heard.length
      await server.event('state', clean)
      await server.hears(({ path }) => path.endsWith('/heartbeat'), before)
    }
    const from = server.heard.length
    state = {
      settings: { ...settings, capacity: -1, lease_seconds: 1e308 },
      role: 'emperor',
      leases: { [held]: 'soon' },
      abort: ['../..', 5],
      gone: [null, held, {}],
      unknown: 'all',
      scripts: [
        server.reservation({ execution_id: '../../x' }),
        good,
        'x',
        server.reservation({ kind: 'dance' }),
      ],
    }
    await server.event('state', clean)
    await server.hears(({ path }) => path === `/v1/executions/${good.execution_id}/confirm`, from)
    t.match(await runner.event('job:dropped'), { execution_id: held }, 'what fits is done')
    await refuses(runner, /call heartbeat .*capacity in settings must be >= 0/)

    const other = server.reservation()
    await server.event('state', {
      settings: { ...settings, capacity: '4' },
      role: 'leader',
      abort: [[]],
      scripts: [server.reservation({ lease_id: '..' }), other],
    })
    await server.hears(({ path }) => path === `/v1/executions/${other.execution_id}/confirm`, from)
    await refuses(runner, /scripts 0 \("[0-9a-f-]+"\)/)
    await isWell()
  },
)

test('events that are not known, not JSON or too deep change nothing', undefinedly, async (_, parts) => {
  const { server, runner, isWell } = parts
  await server.event('of-tomorrow', { x: 1 })
  for (const data of [
    '{',
    '',
    'null',
    '[]',
    '{"execution_id":"../../etc"}',
    `${'['.repeat(1e5)}${']'.repeat(1e5)}`,
  ])
    for (const event of ['abort', 'state', 'settings', 'execute-script']) await server.event(event, data)
  await server.event('settings', { ...settings, eviction_time_seconds: -5 })
  await server.event('settings', { ...settings, lease_seconds: 0 })
  await isWell()
  await refuses(runner, /event abort is not JSON/)
  await refuses(runner, /more than 200 levels/)
})

test('what is sealed is judged once it is open', undefinedly, async (t, { server, runner, isWell }) => {
  const deep = `{"task":{"type":"a.B","properties":[{"name":"x","value":${'['.repeat(5000)}${']'.repeat(5000)}}]}}`
  const bad: object[] = [
    { secret_values: server.sealed(Buffer.from([0xff, 0xfe, 0x00])) },
    { secret_values: server.sealed('{"env":') },
    { secret_values: server.sealed('null') },
    { secret_values: server.sealed('{"env":{"A":5},"mask":[]}') },
    { secret_values: server.sealed('{"env":{"A\\u0000B":"x"},"mask":[]}') },
    { secret_values: server.sealed('{"env":{},"mask":[7]}') },
    { secret_values: server.sealed('{"env":{},"mask":{"length":1e9}}') },
    { secret_values: server.sealed(JSON.stringify({ env: {}, mask: ['x'.repeat(1_000_000)] })) },
    { input: server.sealed('{"task":{}}') },
    { input: server.sealed('{"task":{"type":"a.B","properties":{"forEach":1}}}') },
    { input: server.sealed(deep) },
    { input: 'AAAA' },
    { input: server.sealed('{}').replace(/^./, 'A') },
  ]
  for (const more of bad) await server.event('execute-script', server.reservation(more))
  await refuses(runner, /is not taken: its secret_values is not text in UTF-8/)
  await refuses(runner, /is not taken: its secret_values is not JSON|is not usable/)
  await refuses(runner, /is not taken: its secrets have 1000000 bytes/)
  await isWell()
  const polluted = server.reservation({
    secret_values: server.sealed(
      '{"env":{"__proto__":"x","constructor":"y"},"mask":[],"__proto__":{"mask":1}}',
    ),
  })
  await server.event('execute-script', polluted)
  await server.hears(({ path }) => path === `/v1/executions/${polluted.execution_id}/confirm`)
  await isWell()
  t.equal(runner.all('job:accepted').length, 3, 'none of the others is accepted')
})

test(
  'no more is held than there are places for, and some',
  undefinedly,
  async (t, { server, runner, isWell }) => {
    await isWell()
    for (let count = 0; count < 150; count++) await server.event('execute-script', server.reservation())
    await refuses(runner, /is not taken: 104 executions are held already/)
    t.equal(runner.all('job:accepted').length, 104)
  },
)

const registrations: ((good: Record<string, unknown>) => unknown)[] = [
  () => '{',
  () => null,
  () => ({}),
  good => ({ ...good, runner_id: '../../etc' }),
  good => ({ ...good, runner_id: '00000000-0000-4000-8000-000000000000' }),
  good => ({ ...good, session: 'one' }),
  good => ({ ...good, credentials: 'AAAA' }),
  good => ({ ...good, settings: { ...settings, max_output_bytes: 1e308 } }),
]
let registering: HostileServer | undefined
rigTest(t, 'a registration that is not one is tried again, and says what is wrong', {}, async (t, rig) => {
  await using server = await HostileServer.start(({ path, body }) => {
    if (!path.endsWith('/register')) return undefined
    const next = registrations.shift()
    return next === undefined ? undefined : { body: next(registering!.registered(body)) }
  })
  registering = server
  rig.file('token', 'rnr_registration_x')
  rig.configure(
    {},
    `[remote]\nurl = ${server.url}\ntoken_file = token\nhealth_listen = 127.0.0.1:0\n[executor]\ndocker_host = unix:///nowhere.sock`,
  )
  // Each start makes a few tries without a long wait.
  while (registrations.length > 0) {
    const before = server.heard.length
    const runner = new Attached(rig.start(['attach', '--json'], { lasting: true }))
    await runner.event('registration:failed')
    await server.hears(({ path }) => path.endsWith('/register'), before + 1)
    t.equal(await runner.stop(), 0)
    t.notMatch(runner.run.transcript, /\n\s+at /)
  }
  const runner = new Attached(rig.start(['attach', '--json'], { lasting: true }))
  await runner.event('runner:registered')
  t.equal(await runner.stop(), 0)
})

// typebox says of a schema what it describes, not that it is one.
const schemaOf = (schema: object) => spoilt(fromSchema(schema as Schema, () => ({})))
const heartbeats = fc.sample(schemaOf(HeartbeatAnswer), { numRuns: 150, seed: 7 })
test(
  'no answer and no event ends a runner',
  ({ path, body }) => {
    if (path.endsWith('/heartbeat')) {
      const next = heartbeats.shift()
      return next === undefined ? undefined : { body: JSON.stringify(next) ?? '' }
    }
    if (!path.endsWith('/register')) return undefined
    const quick = { ...settings, lease_seconds: 0.1 }
    return { body: { ...fuzzed!.registered(body), settings: quick } }
  },
  async (_, { server, isWell }) => {
    fuzzed = server
    const { delete: _delete, ...events } = channelEvents
    for (const [event, schema] of Object.entries(events))
      for (const data of fc.sample(schemaOf(schema), { numRuns: 60, seed: 11 }))
        await server.event(event, JSON.stringify(data) ?? '')
    await server.event('settings', settings)
    await isWell()
  },
)
let fuzzed: HostileServer | undefined
