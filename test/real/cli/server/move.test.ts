/* `runner server move` through the real program: with attached runners, with kills, and as the page about it says. */
import { randomInt } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../../src/edges.ts'
import type { Execution } from '../../../../src/protocol/messages/executions.ts'
import { attachOnHost } from '../../../support/attached.ts'
import { numbersFrom } from '../../../support/chance.ts'
import { type Answer, HookReceiver, taken } from '../../../support/hook-receiver.ts'
import { fill, Movable, rowsOfFile, rowsOfPostgres } from '../../../support/moves.ts'
import { say } from '../../../support/operator.ts'
import { outputProblems } from '../../../support/outputs.ts'
import { below, follow, RigShell } from '../../../support/page-shell.ts'
import { freePort, PostgresServer, postgresNeeds } from '../../../support/postgres.ts'
import { program, testWith } from '../../../support/require.ts'
import { fixtures, launcher, type Rig, rigTest } from '../../../support/rig.ts'
import { serverTest } from '../../../support/server.ts'
import { onTerminal, terminal } from '../../../support/terminal.ts'
import { runs } from '../../../support/tier.ts'

const seed = Number(process.env.RUNNER_TEST_SEED ?? randomInt(2 ** 31))
t.comment(`RUNNER_TEST_SEED=${seed}`)
const number = numbersFrom(seed)

t.setTimeout(1_200_000)
testWith(t, 'a server moves to PostgreSQL', [...postgresNeeds, terminal], async t => {
  await using postgres = await PostgresServer.start()
  let databases = 0
  const newDatabase = () => postgres.newDatabase(`moved${++databases}`)

  /** Runs the command to its end. */
  const move = async (rig: Rig, ...args: string[]) => {
    const run = rig.start(['server', 'move', ...args], {
      env: { TARGET: 'postgres://u:hush@127.0.0.1:1/none' },
    })
    return { status: await run.ended, text: run.text }
  }

  serverTest(
    t,
    'while its runners work: each job runs once, and is delivered',
    { settings: { lease_seconds: 20, confirm_within_seconds: 5, ping_interval_seconds: 0.5 } },
    async (t, server) => {
      const { rig } = server
      const configure = (from: string, to: string) => {
        const file = rig.path('runner.cfg')
        writeFileSync(file, readFileSync(file, 'utf8').replace(from, to))
      }
      // A runner knows the server by its address.
      configure('127.0.0.1:0', new URL(server.url).host)
      const runners = ['one', 'two'].map(name => attachOnHost(server, name))
      for (const runner of runners) await runner.event('runner:registered')
      const jobs: string[] = []
      const submit = async (key: string, wait: string) => {
        const command = ['sh', '-c', `echo ${key} >>"$DIR/ran"; echo began; ${wait}; echo "$SECRET" | wc -c`]
        const body = { image: 'none', command, capabilities: ['host'], env: { DIR: rig.dir } }
        const headers = { 'idempotency-key': key }
        const given = { body: { ...body, secret_env: { SECRET: 'hush' } }, headers }
        const { json } = await server.call('POST', '/v1/executions', given)
        jobs.push(json.id)
        return given
      }
      const hold = rig.hold('hold')
      for (let n = 0; n < 4; n++) await submit(`done-${n}`, ':')
      const first = await submit('held', `read -r line <"$DIR/hold"`)
      while (rig.lines('ran').length < 5) await systemClock.sleep(0.05)
      const busy = await move(rig, '--to', await newDatabase())
      t.match(busy, { status: 69, text: /another server has .* open, process \d+ since/ })
      process.kill(server.pid, 'SIGKILL')
      await server.run.ended

      for (const [args, status, said] of [
        [['--to', 'postgres://u:hush@h/db'], 64, /every user of this host can read a password/],
        [['--to', 'env:TARGET'], 69, /cannot be reached/],
        [['--undo'], 69, /has not moved/],
      ] as const) {
        const refused = await move(rig, ...args)
        t.match(refused, { status, text: said }, args.join(' '))
        t.notMatch(refused.text, 'hush')
      }
      const to = (await newDatabase()).replace('postgres@', 'postgres:hush@')
      rig.file('address', `${to}\n`, 0o600)
      // Jobs end while no server is there.
      hold.release()
      const moved = await move(rig, '--to', '@address', '--json')
      t.equal(moved.status, 0, moved.text)
      t.same(outputProblems('server move', moved.text), [])
      const result = JSON.parse(moved.text)
      t.match(result, { outcome: 'moved', damaged_rows: 0, configuration: { key_file: /key$/ } })
      t.notMatch(moved.text, 'hush')
      const early = rig.start(['server'])
      t.equal(await early.ended, 69)
      t.match(early.text, /server\.db moved to postgres:.* at .*: set database in \[server\] to that/)
      t.notMatch(early.text, 'hush')
      t.match((await move(rig, '--to', '@address')).text, /the move is complete now/)
      configure('listen =', `database = ${to}\nkey_file = ${result.configuration.key_file}\nlisten =`)
      await server.restart()

      t.equal((await server.call('POST', '/v1/executions', first)).json.id, jobs[4], 'a key is known')
      await submit('after', ':')
      for (const id of jobs) {
        let found = await server.execution(id)
        for (; found.finished_at === null || !found.log?.complete; found = await server.execution(id))
          await systemClock.sleep(0.1)
        t.match(found, { state: 'succeeded', attempt: 1, output: 'began\n5\n' })
      }
      t.same(rig.lines('ran').length, jobs.length, 'each has run once')
      t.match(await say(server, ['audit', 'verify']), { status: 0 })
      const { items } = (await server.call('GET', '/v1/audit?call=server-move')).json
      t.match(items, [{ object: result.to, token_name: /uid/, after: { from: result.from } }])
      for (const runner of runners) t.equal(await runner.stop(), 0)
      t.match((await move(rig, '--to', '@address')).text, /names PostgreSQL already/)
    },
  )

  await using ops = await HookReceiver.open()
  serverTest(
    t,
    'with a schedule, and with notifications that wait: nobody is told twice or never',
    {
      settings: { notify_private: 'yes', lease_seconds: 20 },
      config: () => `[notify.ops]\nurl = ${ops.url()}\n`,
    },
    async (t, server) => {
      const { rig } = server
      const refuse: Answer = response => response.writeHead(503).end()
      ops.answer = refuse
      const runner = await server.runner()
      const body = { image: 'i', notify: [{ to: 'ops', on: ['failure'] }] }
      await server.call('PUT', '/v1/jobs/nightly', { body })
      const { json: run } = await server.call('POST', '/v1/jobs/nightly/run')
      await runner.result(await runner.begin(), { outcome: 'failed', exit_code: 1 })
      const [first] = await ops.until(1)
      t.match(first!.json, { event: 'failure', execution: run.id })
      await server.call('PUT', '/v1/jobs/ticks', {
        body: { image: 'i', schedule: { every: { seconds: 1 } } },
      })
      const ticks = async () => {
        const { items } = (await server.call('GET', '/v1/executions?job_name=ticks&limit=1000')).json
        return (items as Execution[]).map(({ scheduled_for }) => scheduled_for!)
      }
      while ((await ticks()).length < 2) await systemClock.sleep(0.05)
      t.equal(await server.stop(), 0)

      const to = await newDatabase()
      const moved = await move(rig, '--to', to, '--json')
      t.equal(moved.status, 0, moved.text)
      const { key_file } = JSON.parse(moved.text).configuration
      const file = rig.path('runner.cfg')
      const before = readFileSync(file, 'utf8')
      writeFileSync(file, before.replace('listen =', `database = ${to}\nkey_file = ${key_file}\nlisten =`))
      ops.answer = taken
      ops.received.length = 0
      await server.restart()
      const [again] = await ops.until(1)
      t.match(again!.json, { id: first!.json.id, event: 'failure', execution: run.id })
      const sent = async () => (await server.call('GET', '/v1/notifications?state=sent')).json.items
      while ((await sent()).length === 0) await systemClock.sleep(0.05)
      t.match(await sent(), [{ id: first!.json.id, tries: Number, error: null }])
      const { length } = await ticks()
      while ((await ticks()).length < length + 2) await systemClock.sleep(0.05)
      const times = await ticks()
      t.equal(new Set(times).size, times.length, 'no time runs twice')
      t.equal(ops.received.length, 1)
    },
  )

  // A test on a server has set less.
  t.setTimeout(1_200_000)
  await rigTest(
    t,
    'and is killed at any step: one of the two is in force at most, and nothing is lost',
    {},
    async (t, rig) => {
      const original = new Movable(rig.path('original'))
      const opened = await original.open()
      await fill(opened, 40)
      await opened.store[Symbol.asyncDispose]()
      const rows = rowsOfFile(original.file)
      const start = async (movable: Movable, to: string, env: NodeJS.ProcessEnv, options = {}) => {
        rig.configure({}, `[server]\ndatabase = sqlite:${movable.file}\nkey_file = ${movable.keyFile}\n`)
        const preload = `--import=${join(fixtures, 'kill-at-step.mjs')}`
        const run = rig.start(['server', 'move', '--to', to], {
          ...options,
          env: { NODE_OPTIONS: preload, ...env },
        })
        return { status: await run.ended, text: run.text }
      }
      const copy = (name: string) => {
        cpSync(original.dir, rig.path(name), { recursive: true })
        return new Movable(rig.path(name))
      }
      const steps = rig.path('steps')
      t.match(await start(copy('counted'), await newDatabase(), { STEPS: steps }), { status: 0 })
      const names = readFileSync(steps, 'utf8').trim().split('\n')
      const count = names.length
      // After the commit in PostgreSQL only few steps are left, around the mark of the SQLite store.
      const marked = names.lastIndexOf('PRAGMA')
      const late = [marked - 4, marked + 1, marked + 4]
      const shown = await start(copy('shown'), await newDatabase(), {}, onTerminal)
      t.match(shown, { status: 0, text: /copied: \d+ of \d+ rows, 0\.0 MB of .* of logs/ })
      const rounds = runs(6)
      const ends: Record<string, number> = {}
      for (let round = 0; round < rounds; round++) {
        const at = late[round] ?? (number(2) === 0 ? 1 + number(count) : marked - 6 + number(12))
        const movable = copy(`round-${round}`)
        const to = await newDatabase()
        const { status, text } = await start(movable, to, { KILL_AT: String(at) })
        if (status !== 'SIGKILL') t.equal(status, 0, text)
        const source = await movable.refusal()
        const isThere = (await rowsOfPostgres(to)).meta !== undefined
        const target = isThere ? await movable.refusal(to) : 'empty'
        const end = `${source.split(':')[0]}, ${target.split(':')[0]}`
        ends[end] = (ends[end] ?? 0) + 1
        const known = [
          'it was opened, empty',
          'it was opened, half-moved',
          'moved, half-moved',
          'moved, it was opened',
        ]
        t.ok(known.includes(end), `${at} of ${count} steps: ${end}`)
        const done = await movable.move(to)
        t.match(done, { outcome: /moved|completed/ })
        const arrived = await rowsOfPostgres(to)
        for (const table of ['executions', 'definitions', 'outputs', 'logs', 'tokens', 'idempotency'])
          t.strictSame(arrived[table], rows[table], table)
        t.equal(arrived.audit!.length, rows.audit!.length + 1)
        t.match(await movable.refusal(), /^moved/)
        t.equal(await movable.refusal(to), 'it was opened')
      }
      t.comment(JSON.stringify(ends))
    },
  )

  await testWith(t, 'by the page about it', [program('psql'), program('pg_dump')], async t => {
    await rigTest(t, 'docs/how-to/move-to-postgresql.md', {}, async (t, rig) => {
      const server = rig.path('state', 'server')
      const listen = `listen = 127.0.0.1:${await freePort()}`
      rig.configure({}, `[server]\n${listen}\n`)
      for (const directory of ['etc/runner', 'backup']) mkdirSync(rig.path(directory), { recursive: true })
      const to = `127.0.0.1:${postgres.port}/runner`
      const tools = rig.path('tools')
      mkdirSync(tools)
      symlinkSync(launcher, join(tools, 'runner'))
      rig.file('tools/systemctl', systemctl, 0o755)
      const env = {
        PATH: `${tools}:${process.env.PATH}`,
        PGHOST: '127.0.0.1',
        PGPORT: String(postgres.port),
        PGUSER: 'postgres',
        PGDATABASE: 'postgres',
      }
      const shell = new RigShell(rig, { env })
      const page = 'docs/how-to/move-to-postgresql.md'
      const replace = {
        ...below(rig, '/etc/runner', '/backup'),
        '/var/lib/runner-server': server,
        'db.example/runner?sslmode=verify-full': to,
        'db.example/runner': to,
      }
      const section = (name: string) => follow(t, page, shell, { replace, sections: [name] })
      const run = async (script: string) => {
        const { status, output } = await shell.run(script)
        t.equal(status, 0, output)
        return output
      }
      try {
        await run('systemctl start runner-server\nrunner job put nightly --image box -- true')
        t.equal(await section('Prepare PostgreSQL'), 1)
        t.equal(await section('Move the store'), 3)
        cpSync(rig.path('runner.cfg'), rig.path('runner.cfg.before'))
        const [, lines] = /```ini\n *\[server\]\n([\s\S]*?) *```/.exec(readFileSync(page, 'utf8'))!
        const settings = Object.entries(replace).reduce(
          (text, [from, other]) => text.replaceAll(from, other),
          lines!.replaceAll(/^ +/gm, ''),
        )
        rig.configure({}, `[server]\n${listen}\n${settings}`)
        t.equal(await section('Start the server on PostgreSQL'), 2)
        t.match(await run('runner job'), /nightly/)
        t.equal(await section('Back up from now on'), 1)
        await run('systemctl stop runner-server')
        t.match(
          await run('runner -c runner.cfg.before server move --undo'),
          /is as it was on .*let no server start on postgres:\/\/runner@/s,
        )
        rig.configure({}, `[server]\n${listen}\n`)
        await run('systemctl start runner-server\nrunner job\nrunner audit verify')
        t.match(await run('runner audit list --call server-move-undo'), /server-move-undo/)
      } finally {
        await shell.run('systemctl stop runner-server')
        await shell.close()
      }
    })
  })
})

/** Does what the page needs of systemctl: starts the server of the directory and waits for it, or stops it. */
const systemctl = `#!/bin/sh
cd "$DIR"
case $1 in
start)
  : >server.out
  runner server >>server.out 2>&1 </dev/null &
  echo $! >server.pid
  tail --pid=$! -n +1 -f server.out | grep -q -m1 'listens on'
  ;;
stop)
  kill "$(cat server.pid)"
  tail --pid="$(cat server.pid)" -f /dev/null
  ;;
esac
`
