/* Targets of notifications that do not do what they should, and servers that are killed while they send. */
import { randomInt } from 'node:crypto'
import { createServer, type Socket } from 'node:net'
import t from 'tap'
import { numbersFrom } from '../../support/chance.ts'
import { type Answer, HookReceiver, taken } from '../../support/hook-receiver.ts'
import { ending } from '../../support/operator.ts'
import { serverTest } from '../../support/server.ts'
import { everyStore } from '../../support/stores.ts'
import { isFull, runs } from '../../support/tier.ts'

const hook = await HookReceiver.open()
t.teardown(() => hook[Symbol.asyncDispose]())
const failed = { outcome: 'failed', exit_code: 1, reason: 'exit-status', error_message: 'no' }

/** Answers without end while somebody reads. */
function endless(status: number): Answer {
  return response => {
    response.writeHead(status)
    const more = () => {
      while (response.write('x'.repeat(65_536)));
    }
    response.on('drain', more).on('close', () => response.off('drain', more))
    more()
  }
}

/** The answers of a target, by its path, and the messages about them. */
const answers: Record<string, [Answer, RegExp | null]> = {
  ok: [taken, null],
  created: [response => response.writeHead(201).end(), null],
  broken: [response => response.writeHead(500).end('secret of the target'), / answers 500$/],
  redirect: [
    response => response.writeHead(302, { location: hook.url('/ok') }).end(),
    / answers 302, a redirect, which is not followed$/,
  ],
  closes: [response => response.socket!.destroy(), / closed the connection before it answered$/],
  endless: [endless(200), null],
  'endless-error': [endless(400), / answers 400$/],
  headers: [
    response => response.writeHead(200, { 'x-long': 'x'.repeat(100_000) }).end(),
    / sends headers without end$/,
  ],
  silent: [() => {}, / did not answer in time$/],
}

/** The last try of a silent target takes as long as a try may take. */
const tried = Object.keys(answers).filter(name => isFull || name !== 'silent')

serverTest(
  t,
  'a test of a target says what is wrong with it, and follows no redirect',
  {
    stores: everyStore,
    settings: { notify_private: 'yes' },
    config: () =>
      [
        ...tried.map(name => `[notify.${name}]\nurl = ${hook.url(`/${name}`)}\n`),
        '[notify.nobody]\nurl = http://127.0.0.1:1/\n',
        '[notify.no-name]\nurl = https://no-such-host.invalid/secret-path\n',
      ].join(''),
  },
  async (t, server) => {
    hook.received.length = 0
    hook.answer = (response, one) => answers[one.path.slice(1)]![0](response, one)
    const test = async (name: string) => (await server.call('POST', `/v1/notify/${name}/test`)).json
    for (const name of tried) {
      const [, error] = answers[name]!
      t.match(await test(name), { name, sent: error === null, error }, name)
    }
    t.match(await test('nobody'), { sent: false, error: 'http://127.0.0.1:1/… refuses the connection' })
    const noName = await test('no-name')
    t.match(noName, { sent: false, error: /^https:\/\/no-such-host.invalid\/… / })
    t.same(
      hook.received.map(({ path }) => path.slice(1)),
      tried,
    )
    t.notMatch(server.run.text, /secret/)
  },
)

serverTest(
  t,
  'without notify_private no message goes to an address of this host',
  {
    config: () =>
      `[notify.here]\nurl = ${hook.url('/ok')}\n[notify.name]\nurl = http://localhost:${hook.port}/ok\n`,
  },
  async (t, server) => {
    hook.received.length = 0
    for (const name of ['here', 'name'])
      t.match(await server.call('POST', `/v1/notify/${name}/test`), {
        json: { sent: false, error: /is on this host or in a private network.*notify_private = yes/ },
      })
    t.equal(hook.received.length, 0)
  },
)

/** A port on which nobody listens. */
const awayPort = isFull ? await freePort() : 0

function freePort(): Promise<number> {
  return new Promise(resolve => {
    const server = createServer((socket: Socket) => socket.destroy())
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** The number of times that the server is killed in each way. */
const kills = runs(10)
const seed = Number(process.env.RUNNER_TEST_SEED ?? randomInt(2 ** 31))
t.comment(`RUNNER_TEST_SEED=${seed}`)

serverTest(
  t,
  'a server that is killed before, while or after it sends has told of each change when it is back',
  {
    stores: everyStore,
    settings: { notify_private: 'yes', lease_seconds: 60 },
    config: () => `[notify.ops]\nurl = ${hook.url('/ops')}\n`,
  },
  async (t, server) => {
    hook.received.length = 0
    const number = numbersFrom(seed)
    const runner = await server.runner()
    const body = { image: 'i', notify: [{ to: 'ops', on: ['failure'] }] }
    await server.call('PUT', '/v1/jobs/a', { body })
    const ended: string[] = []
    const end = async () => {
      await runner.heartbeat({ free_slots: 1 })
      const { json } = await server.call('POST', '/v1/jobs/a/run')
      const held = await runner.begin()
      ended.push(json.id)
      // The message may be there, and the server gone, before the answer: the message then shows that it was committed.
      await runner.result(held, ending('', failed)).catch(() => {})
    }
    const kill = () => process.kill(server.pid, 'SIGKILL')
    for (let round = 0; round < kills * 3; round++) {
      const killed = Promise.withResolvers<void>()
      const dies = () => {
        kill()
        killed.resolve()
      }
      const way = ['before', 'while', 'after'][round % 3]
      const known = ended.length
      hook.answer = (response, one) => {
        // A message from before the last kill may come again.
        const isNew = ended.indexOf(one.json.execution) >= known
        if (!isNew || way === 'before') return taken(response, one)
        if (way === 'while') return dies()
        taken(response, one)
        if (way === 'after') setImmediate(dies)
      }
      for (let more = number(3); more > 0 && way === 'before'; more--) await end()
      await end()
      if (way === 'before') dies()
      await killed.promise
      await server.run.ended
      hook.answer = taken
      await server.restart()
      await Promise.all(ended.map(id => hook.find(({ json }) => json.execution === id || isIn(json, id))))
    }
    const ids = new Map(ended.map(id => [id, new Set<string>()]))
    for (const { json } of hook.received)
      for (const one of json.notifications ?? [json]) ids.get(one.execution)?.add(one.id)
    t.ok(
      [...ids.values()].every(({ size }) => size === 1),
      'each is told under one id',
    )
    const told = hook.received.flatMap(({ json }) => json.notifications ?? [json])
    t.ok(
      told.every(({ execution }) => ids.has(execution)),
      'and nothing else',
    )
    t.ok(ended.length >= kills * 3)
  },
)

const isIn = (json: { notifications?: { execution: string }[] }, id: string) =>
  json.notifications?.some(({ execution }) => execution === id) ?? false

if (isFull)
  serverTest(
    t,
    'a target that was away for a while gets what it has missed',
    {
      stores: everyStore,
      settings: { notify_private: 'yes' },
      config: () => `[notify.ops]\nurl = http://127.0.0.1:${awayPort}/\n`,
    },
    async (t, server) => {
      const runner = await server.runner()
      await using _ = runner.alive()
      const { id } = await server.submit({ notify: [{ to: 'ops', on: ['success'] }] })
      await runner.result(await runner.begin(), ending('', {}))
      const list = async () => (await server.call('GET', '/v1/notifications')).json.items[0]
      while ((await list()).tries === 0) await runner.heartbeat({ free_slots: 0 })
      t.match(await list(), { state: 'waiting', error: /refuses the connection$/, next_try_at: /Z$/ })
      t.match(
        (await server.call('GET', '/metrics')).text,
        'runner_server_notifications_waiting{target="ops"} 1',
      )
      await using back = await HookReceiver.open(awayPort)
      t.match(await back.find(({ json }) => json.execution === id), { json: { event: 'success' } })
    },
  )

// The limit is longer than that of most tests of a server, because this server starts again and again.
t.setTimeout(120_000 + kills * 60_000)
