import { mkdirSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { commandLine } from '../../../scripts/command-line.ts'
import { outputs } from '../../../scripts/output-page.ts'
import type { Execution } from '../../../src/protocol/messages/executions.ts'
import { inProcess } from '../../support/in-process.ts'
import { ending } from '../../support/operator.ts'
import { outputProblems } from '../../support/outputs.ts'
import { serverTest } from '../../support/server.ts'

t.test('every command prints JSON, and its schema is published', async t => {
  const all = (await commandLine()).commands.filter(({ name }) => name !== 'completion')
  t.same(all.map(({ name }) => name).sort(), Object.keys(outputs).sort())
  for (const { name, options } of all)
    t.ok(
      options.some(({ long }) => long === '--json'),
      name,
    )
})

// Nobody listens there.
const config = () => '[notify.ops]\nurl = http://127.0.0.1:1/hook\n'

serverTest(
  t,
  'what every command prints with --json is as its schema says',
  { config },
  async (t, server) => {
    const { rig } = server
    const env = {
      RUNNER_SERVER: server.url,
      RUNNER_SERVER_TOKEN_FILE: rig.path('state', 'server', 'admin.token'),
    }
    const tried = new Set<string>()
    /** Holds JSON, a value or lines of it, against the schema of a command. */
    const check = (name: string, text: string) => {
      tried.add(name)
      t.same(outputProblems(name, text), [], name)
    }
    const write = (name: string, state: string) =>
      rig.file(
        name,
        `[runner]
task_dir = tasks
state_dir = ${state}
max_tries = 1
task_hook = ./hook
[disk]
depends_on = mount
required = no
[server]
listen = 127.0.0.1:0
[remote]
url = ${server.url}
name = build-4
token_file = ${rig.path('state', 'server', 'registration.token')}
health_listen = 127.0.0.1:0
[executor]
docker_host = unix:///nowhere.sock
`,
      )
    write('all.cfg', 'state')
    write('other.cfg', 'other')
    const run = (argv: string[], config = 'all.cfg') => inProcess(['-c', rig.path(config), ...argv], env)
    /** Runs a command whose name is its first words. */
    // biome-ignore lint/suspicious/noExplicitAny: the schema says what it is
    const json = async (name: string, more: string[] = [], status = 0, config?: string): Promise<any> => {
      const said = await run([...name.split(' '), '--json', ...more], config)
      t.equal(said.status, status, `${name} ${said.err}`)
      check(name, said.out)
      return JSON.parse(said.out.split('\n')[0]!)
    }
    /** The output of a command for people. */
    const says = async (argv: string[], wanted: object) => t.match(await run(argv), wanted, argv.join(' '))

    await t.test('the chain', async () => {
      mkdirSync(rig.path('tasks'))
      rig.file('hook', '#!/bin/sh\necho hook\n', 0o755)
      rig.file('tasks/10-mount.sh', '#!/bin/sh\necho hi\n', 0o755)
      rig.file('tasks/20-disk.sh', '#!/bin/sh\necho no; exit 1\n', 0o755)
      await json('status', [], 7)
      check('run', (await run(['run', '--json'])).out)
      await says(['list'], {
        out: /^Tasks of .*:\ntask +name +after +tries +time +required\n10-mount.sh +mount +1 +\S.* yes\n20-disk.sh +disk +10-mount.sh +1 .* no\n/,
      })
      await says(['list', '--verbose'], { out: /\n +\S*all\.cfg:\d+: depends_on = mount\n/ })
      for (const name of ['check', 'list', 'graph', 'status', 'history', 'explain', 'analyze', 'logs'])
        await json(name)
      await json('check', ['--effective'])
      for (const key of ['disk', 'disk.required', 'disk.nothing']) await json('get', [key])
      await json('get', ['disk', '--origin'])
      for (const more of [['--hook'], ['--verify']]) await json('logs', more)
    })

    const runner = await server.runner({ name: 'build-3' })
    await using _ = runner.alive()
    await t.test('jobs', async () => {
      await json('job put', ['nightly', '--image', 'busybox', '--', 'true'])
      await json('job put', ['hourly', '--image', 'busybox', '--cron', '0 * * * *', '--', 'true'])
      for (const name of ['schedule list', 'schedule missed', 'schedule pause', 'schedule resume'])
        await json(name)
      for (const name of ['schedule next', 'schedule pause', 'schedule resume']) await json(name, ['hourly'])
      await run(['job', 'delete', 'hourly'])
      for (const name of ['job list', 'job show', 'job run', 'submit'])
        await json(name, name === 'job list' ? [] : ['nightly'])
      const [ended, other] = [await runner.begin(), await runner.begin()]
      await runner.log(ended, 0, 'one\n')
      await runner.result(ended, ending('one\n'))
      await runner.result(other, ending('', { outcome: 'failed', exit_code: 3, reason: 'exit-status' }))
      const again = (await json('rerun', [ended.execution_id])) as Execution
      await says(['logs', again.id], { status: 0, out: '', err: /^runner: it has not started: \S/ })
      check('logs', (await run(['logs', ended.execution_id, '--json', '-f'])).out)
      await json('ps')
      await json('ps', ['--all'])
      await json('show', [ended.execution_id])
      await json('job stats', ['nightly'])
      await says(['job', 'stats', 'nightly'], {
        out: /^1 of the last 2 runs of nightly succeeded \(50 %\)\.\nIt usually takes /,
      })
      await json('abort', [again.id])
      for (const argv of [
        ['submit', 'nigthly'],
        ['job', 'run', 'nigthly'],
        ['job', 'show', 'nigthly'],
      ])
        await says(argv, {
          status: 7,
          err: /no job nigthly; did you mean nightly\? `runner job list` .*`runner job put nigthly /,
        })
      await json('backup')
      await json('backup', [rig.path('jobs.json')])
      await json('restore', [rig.path('jobs.json')])
      await says(['job', 'put', 'other', '--image', 'x', '--', 'true'], {
        err: /`runner submit other` runs it/,
      })
      await says(['job', 'delete', 'other'], { err: 'runner: job other is deleted; its executions stay\n' })
      await json('job delete', ['nightly'])
    })

    await t.test('the fleet', async t => {
      const { id } = await server.runner({ name: 'twin' })
      await says(['node', 'disable', id.slice(0, 8)], {
        err: /^runner: node twin is disabled: it takes no more/,
      })
      await says(['node', 'taint', 'twin', 'slow'], { err: 'runner: node twin is tainted: slow\n' })
      await says(['node', 'capacity', 'twin', '1'], { err: 'runner: node twin holds 1 job at most\n' })
      const more: Record<string, string[]> = {
        taint: ['slow'],
        capacity: ['2'],
        set: ['--capabilities', 'gpu'],
      }
      for (const word of ['enable', 'disable', 'set', 'taint', 'untaint', 'capacity', 'delete', 'undelete'])
        await json(`node ${word}`, [id, ...(more[word] ?? [])])
      await json('node list')
      await says(['group', 'mode', 'default', 'leader'], {
        err: /^runner: group default: only its leader takes jobs\n/,
      })
      await json('group mode', ['default', 'leader'])
      await json('group pin', ['default', 'build-3'])
      await json('group leader', ['default'])
      await json('group unpin', ['default'])
      await run(['group', 'mode', 'default', 'all'])
      await json('group list')
      await says(['token', 'create', 'viewer', 'eyes'], {
        out: /^\S+\n$/,
        err: /^runner: token \S+ is made: viewer eyes, default, never expires; its text is not shown again\n$/,
      })
      const made = await json('token create', ['submitter', 'ci'])
      await json('token create', ['viewer', 'screen', '--out', rig.path('screen.token')])
      const tokens = (await json('token list')) as { id: string; name: string }[]
      t.equal(tokens.length, 5)
      await says(['token', 'revoke', made.id.slice(0, 7)], { status: 7, err: /goes by 8 characters/ })
      await says(['token', 'revoke', made.id.slice(0, 18)], {
        status: 0,
        err: `runner: token ${made.id} is revoked\n`,
      })
      await json('token revoke', [tokens.find(({ name }) => name === 'eyes')!.id])
      await json('whoami')
      await json('page')
      const settings = rig.path('settings.json')
      writeFileSync(settings, JSON.stringify({ namespaces: { default: { queued: 9, images: ['*'] } } }))
      await json('settings put', [settings])
      await json('settings show')
      await says(['notify'], { out: 'no notifications\n' })
      await json('notify list')
      await json('notify targets')
      await says(['notify', 'targets'], { out: /^target +type +namespaces\nops +webhook +all\n$/ })
      await json('notify test', ['ops'], 1)
      await says(['notify', 'test', 'ops'], {
        status: 1,
        err: /^runner: the test message was not taken: http:\/\/127.0.0.1:1\/… is on this host|^runner: the test message was not taken: 127.0.0.1 is on this host/,
      })
      await json('audit list')
      await json('audit verify')
    })

    await t.test('services', async t => {
      const attached = rig.start(['-c', 'all.cfg', 'attach', '--json'], { lasting: true })
      await attached.says('"to":"ready"')
      await json('drain')
      t.equal(await attached.ended, 0)
      check('attach', Buffer.concat(attached.err).toString())
      await json('drain', [], 7)
      await json('doctor', [], 1)
      await json('plugin run', ['img', '--', 'true'], 69)
      await json('server backup', [rig.path('store')])
      await json('server restore', [rig.path('store')], 0, 'other.cfg')
      await json('server rekey', [], 0, 'other.cfg')
      const second = rig.start(['-c', 'other.cfg', 'server', '--json'], { lasting: true })
      await second.says('"registration_token_file"')
      second.child.kill('SIGTERM')
      t.equal(await second.ended, 0)
      check('server', Buffer.concat(second.out).toString())
      for (const line of Buffer.concat(second.err).toString().trim().split('\n'))
        t.match(JSON.parse(line), { at: String, level: String, message: String })
    })
    // A move needs PostgreSQL.
    const others = Object.keys(outputs).filter(name => name !== 'server move')
    t.same([...tried].sort(), others.sort(), 'all have been tried')
  },
)
