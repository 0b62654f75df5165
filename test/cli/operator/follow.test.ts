import { randomBytes } from 'node:crypto'
import { connect, createServer, type Socket } from 'node:net'
import t from 'tap'
import { followRun, statusOfExecution } from '../../../src/cli/operator/follow.ts'
import { systemClock } from '../../../src/edges.ts'
import { Client } from '../../../src/protocol/client/client.ts'
import type { Execution } from '../../../src/protocol/messages/executions.ts'
import { ending, json, play, said, say, start } from '../../support/operator.ts'
import { serverTest } from '../../support/server.ts'
import { onTerminal, terminal } from '../../support/terminal.ts'

const ends: [title: string, end: object, status: number, words: RegExp][] = [
  ['it succeeded', {}, 0, /succeeded/],
  [
    'it failed with a status',
    { outcome: 'failed', exit_code: 7, error_message: 'no luck' },
    7,
    /with 7: no luck/,
  ],
  [
    'it failed without one',
    { outcome: 'failed', exit_code: null, reason: 'no-output' },
    1,
    /failed: no output/,
  ],
  ['it failed as a plugin does', { outcome: 'failed', exit_code: -1 }, 1, /failed with -1/],
  ['it was aborted', { outcome: 'aborted', exit_code: 143 }, 8, /aborted/],
]
serverTest(t, 'submit --wait shows the log and ends as the job ends', {}, async (t, server) => {
  const runner = await server.runner()
  await using _ = runner.alive()
  for (const [title, end, status, words] of ends) {
    const run = start(server, ['submit', '--image', 'i', '--wait', '--', 'x'])
    await play(runner, 'one\ntwo', end)
    const { out, err, ...ended } = await said(run)
    t.same([ended.status, out], [status, 'one\ntwo'], title)
    t.match(err, words, title)
  }
  const forged = start(server, ['submit', '--image', 'i', '--wait', '--', 'x'])
  const error_message = 'no\nrunner: x: \x1b[31msucceeded'
  await play(runner, '', { outcome: 'failed', exit_code: 5, reason: 'plugin-failed', error_message })
  t.match(
    (await said(forged)).err,
    /\nrunner: i: failed with 5: no\nrunner: +runner: x: \\x1b\[31msucceeded \(execution /,
  )
  const run = start(server, ['submit', '--image', 'i', '--wait', '--json'])
  await play(runner, 'one\n', {})
  const { out } = await said(run)
  t.match(JSON.parse(out), { state: 'succeeded', output: 'one\n' })
})

serverTest(t, 'submit --wait goes on with the next attempt', {}, async (t, server) => {
  const runner = await server.runner()
  await using _ = runner.alive()
  const run = start(server, ['submit', '--image', 'i', '--retries', '1', '--retry-delay', '0', '--wait'])
  const first = await play(runner, 'one\n', { outcome: 'failed', exit_code: 3 })
  const second = await play(runner, 'two\n', {})
  const { status, out, err } = await said(run)
  t.same([status, out], [0, 'one\ntwo\n'])
  t.match(err, `attempt 2 (execution ${second.execution_id})`)
  t.not(first.execution_id, second.execution_id)
})

serverTest(t, 'attempts that have ended before the first look are shown too', {}, async (t, server) => {
  const runner = await server.runner()
  await using _ = runner.alive()
  const { group } = await server.submit({ retries: 2 })
  await play(runner, 'one\n', { outcome: 'failed', exit_code: 3 })
  await play(runner, 'two\n', { outcome: 'failed', exit_code: 3 })
  const { execution_id } = await play(runner, 'three\n', {})
  await using client = new Client({
    server: new URL(server.url),
    token: () => server.token('admin'),
    clock: systemClock,
    env: {},
  })
  let text = ''
  const take = (bytes: Uint8Array) => {
    text += Buffer.from(bytes).toString()
  }
  const ended = await followRun(client, group, take, new AbortController().signal)
  t.match(ended, { ok: true, value: { id: execution_id, state: 'succeeded' } })
  t.equal(text, 'one\ntwo\nthree\n')
})

serverTest(t, 'a run that is replaced before it begins is shown as withdrawn', {}, async (t, server) => {
  const runner = await server.runner()
  const held: string[] = []
  await using _ = runner.alive(() => held)
  const job = { job_name: 'newest', concurrency: 'replace' }
  await server.submit(job)
  held.push((await runner.begin()).execution_id)
  const { id, group } = await server.submit(job)
  const newer = await server.submit(job)
  await using client = new Client({
    server: new URL(server.url),
    token: () => server.token('admin'),
    clock: systemClock,
    env: {},
  })
  const ended = await followRun(client, group, () => undefined, new AbortController().signal)
  const error_message = `Execution ${newer.id} of the job has taken its place`
  t.match(ended, { ok: true, value: { id, state: 'withdrawn', reason: 'replaced', error_message } })
  t.equal(ended.ok && statusOfExecution(ended.value), 8)
})

serverTest(t, 'Ctrl-C ends the wait, not the job', {}, async (t, server) => {
  const runner = await server.runner()
  const held: string[] = []
  await using _ = runner.alive(() => held)
  const run = start(server, ['submit', '--image', 'i', '--wait'])
  const reservation = await runner.begin()
  held.push(reservation.execution_id)
  await runner.log(reservation, 0, 'begun\n')
  await run.says('begun')
  run.child.kill('SIGINT')
  const { status, err } = await said(run)
  t.equal(status, 130)
  t.match(err, `it continues: \`runner logs -f ${reservation.execution_id}\``)
  t.match(err, `\`runner abort ${reservation.execution_id}\` ends it`)
  t.equal((await server.execution(reservation.execution_id)).state, 'running')
  const aborted = await say(server, ['abort', reservation.execution_id])
  t.match(aborted, { status: 0, out: `${reservation.execution_id} aborting\n` })
})

serverTest(
  t,
  'a followed log loses no byte and doubles none, whatever is restarted',
  {},
  async (t, server) => {
    const bytes = randomBytes(300_000)
    let runner = await server.runner()
    const submitted = await server.submit()
    const reservation = await runner.begin()
    const run = start(server, ['log', '-f', submitted.id])
    let sent = 0
    const send = async (to: number) => {
      for (; sent < to; sent = Math.min(sent + 50_000, to)) {
        const end = Math.min(sent + 50_000, to)
        const answer = await runner.log(reservation, sent, bytes.subarray(sent, end))
        t.equal(answer.status, 200, answer.text)
      }
    }
    const came = () => Buffer.concat(run.out).length
    const caughtUp = async () => {
      while (came() < sent) await new Promise(resolve => run.child.stdout!.once('data', resolve))
    }
    await send(100_000)
    await caughtUp()
    const port = new URL(server.url).port
    await server.stop()
    await run.says('trying again')
    server.rig.configure({}, `[server]\nlisten = 127.0.0.1:${port}\nlease_seconds = 60\n`)
    await server.restart()
    runner = Object.assign(runner, { server })
    await runner.heartbeat({ executions: [submitted.id] })
    await send(300_000)
    await runner.result(reservation, ending(bytes))
    const { status } = await said(run)
    t.equal(status, 0)
    t.ok(Buffer.concat(run.out).equals(bytes), 'byte for byte')
    const part = start(server, ['log', submitted.id, '--offset', '299000'])
    t.equal(await part.ended, 0)
    t.ok(Buffer.concat(part.out).equals(bytes.subarray(299_000)))
  },
)

serverTest(t, 'a log is printed as far as it goes, as text or JSON', {}, async (t, server) => {
  const runner = await server.runner()
  const { id } = await server.submit()
  t.match(await say(server, ['log', id]), { status: 0, out: '' })
  const reservation = await runner.begin()
  await runner.log(reservation, 0, 'näh')
  t.match(await say(server, ['log', id]), { status: 0, out: 'näh' })
  await runner.result(reservation, ending('näh'))
  const lines = (await say(server, ['log', '-f', '--json', id])).out.trim().split('\n')
  t.same(
    lines.map(line => JSON.parse(line)),
    [
      { offset: 0, text: 'näh' },
      { offset: 4, state: 'succeeded' },
    ],
  )
  t.match(await say(server, ['log', '00000000-0000-4000-8000-000000000000']), { status: 7 })
})

serverTest(t, 'a submit whose answer was lost makes one execution', {}, async (t, server) => {
  const { port } = new URL(server.url)
  const sockets = new Set<Socket>()
  let connections = 0
  // Passes on all requests, and the answers but for the first one's.
  const middle = createServer(client => {
    const cut = ++connections === 1
    const there = connect(Number(port), '127.0.0.1')
    for (const socket of [client, there]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => [client, there].map(one => one.destroy()))
    }
    client.pipe(there)
    if (cut) there.once('data', () => client.destroy())
    else there.pipe(client)
  })
  await new Promise<void>(resolve => middle.listen(0, '127.0.0.1', resolve))
  const address = middle.address() as { port: number }
  const submitted = await say(server, ['submit', '--image', 'i'], {
    env: { RUNNER_SERVER: `http://127.0.0.1:${address.port}` },
  })
  for (const socket of sockets) socket.destroy()
  middle.close()
  t.equal(submitted.status, 0)
  t.equal(submitted.err.split('trying again').length - 1, 1, 'said once')
  t.same(
    (await json<Execution[]>(server, ['executions'])).map(({ id }) => id),
    [submitted.out.trim()],
  )
})

const escapes = '\x1b]52;c;aGk=\x07\x1b[2J\x1b[1A'
serverTest(
  t,
  'on a terminal no job, runner or name can command it, nor speak as runner does; into a pipe a log goes byte for byte',
  { needs: [terminal] },
  async (t, server) => {
    const runner = await server.runner()
    await using _ = runner.alive()
    const log = `a${escapes}\x1b[31mred\rrunner: i: succeeded\n##[start: status]s${escapes}##[end: status]\n\x1b[8mhalf`
    const end = { outcome: 'failed', exit_code: 5, error_message: `e${escapes}\nrunner: i: succeeded` }
    const waited = start(server, ['submit', '--image', 'i', '--wait'], onTerminal)
    const { execution_id: id } = await play(runner, log, end)
    t.equal(await waited.ended, 5)
    const commands = /\x1b(?!\[[0-9;]*m)|\x07/
    for (const words of [
      ['log', id],
      ['log', '-f', id],
      ['executions'],
      ['executions', id],
      ['executions', '--json'],
    ]) {
      const shown = start(server, words, onTerminal)
      t.equal(await shown.ended, 0, words.join(' '))
      t.notMatch(shown.text, commands, words.join(' '))
      t.notMatch(shown.text, /^(\x1b\[\d*m)*runner: i: succeeded/m, words.join(' '))
      if (words[0] === 'log')
        t.match(shown.text, 'a\\x1b]52;c;aGk=\\x07\\x1b[2J\\x1b[1A\x1b[31mred\r\nrunner (job): i: succ')
    }
    t.notMatch(waited.text, commands)
    t.match(
      waited.text,
      /half\x1b\[0m\r\nrunner: /,
      'words of runner have their own line, without the colour of the job',
    )
    t.match(waited.text, /\nrunner: i: failed with 5: e\\x1b.*\r\nrunner: +runner: i: succeeded \(execution/)
    const piped = start(server, ['log', id])
    t.equal(await piped.ended, 0)
    t.equal(Buffer.concat(piped.out).toString(), log)

    const running = start(server, ['submit', '--image', 'i', '--wait'])
    const reservation = await runner.begin()
    await runner.log(reservation, 0, log)
    await running.says('half')
    const busy = start(server, ['busy'], onTerminal)
    t.equal(await busy.ended, 0)
    t.notMatch(busy.text, commands)
    const watching = start(server, ['busy', '--watch'], onTerminal)
    await watching.says('says')
    t.match(watching.text, '\x1b[H\x1b[2J', 'the command of runner itself clears the screen')
    await runner.result(reservation, ending(log))
    t.equal(await running.ended, 0)
    t.equal(await server.stop(), 0)
    t.equal(await watching.ended, 69, 'it ends with the server')
  },
)
