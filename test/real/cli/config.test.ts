import { once } from 'node:events'
import { chmodSync, chownSync, lchownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { execa } from 'execa'
import t from 'tap'
import { said } from '../../support/operator.ts'
import { program, root } from '../../support/require.ts'
import { type Rig, rigTest } from '../../support/rig.ts'

t.setTimeout(900_000)

const nobody = 65534
const stranger = 1
/** As the user nobody. */
const asNobody = ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups']
const setpriv = program('setpriv')

/** Each command that a configuration tells what to do. */
const commands = [
  ['run'],
  ['check'],
  ['list'],
  ['graph'],
  ['status'],
  ['history'],
  ['logs'],
  ['explain'],
  ['plugin', 'run', 'image', '--', 'x'],
  ['server'],
  ['server', 'backup', 'file'],
  ['server', 'restore', 'file'],
  ['attach'],
  ['drain'],
  ['doctor'],
  ['job', 'list'],
  ['submit', 'job'],
  ['executions'],
  ['log', 'id'],
  ['abort', 'id'],
  ['rerun', 'id'],
  ['busy'],
  ['runners'],
  ['groups'],
  ['token', 'list'],
  ['backup', 'file'],
]

rigTest(
  t,
  "root believes no stranger's runner.cfg, whatever the command, and hears whose it is and what fixes it",
  { needs: [root], tasks: { a: 'touch "$DIR/ran"' } },
  async (t, rig) => {
    chownSync(rig.path('runner.cfg'), nobody, nobody)
    for (const words of commands) {
      const { status, out, err } = await said(rig.start(words))
      t.equal(status, 78, words.join(' '))
      t.match(out + err, `${rig.path('runner.cfg')}: error: belongs to user ${nobody} (mode 0644)`)
      t.match(out + err, `chown root ${rig.path('runner.cfg')}`)
    }
    t.same(rig.lines('ran'), [])
    for (const words of [
      ['get', 'runner.state_dir'],
      ['-g', 'runner.state_dir'],
      ['drain', '--help'],
    ])
      t.equal((await said(rig.start(words))).status, 0, `${words.join(' ')} only reads`)
  },
)

rigTest(
  t,
  'a file named by -c or RUNNER_CONFIG, an included one and each directory above count as well',
  { needs: [root], runner: { include_dir: 'more.d' } },
  async (t, rig) => {
    mkdirSync(rig.path('more.d'), { mode: 0o755 })
    rig.file('more.d/one.cfg', '')
    const ask = async (words: string[], env = {}) => said(rig.start(words, { env, cwd: '/' }))
    const file = rig.path('runner.cfg')
    t.match(await ask(['-c', file, 'history']), { status: 0 })
    const wrong: [name: string, loosen: (path: string) => void, fix: (path: string) => void][] = [
      ['more.d/one.cfg', path => chownSync(path, stranger, 0), path => chownSync(path, 0, 0)],
      ['more.d', path => chmodSync(path, 0o777), path => chmodSync(path, 0o755)],
      ['runner.cfg', path => chmodSync(path, 0o664), path => chmodSync(path, 0o644)],
      ['.', path => chmodSync(path, 0o775), path => chmodSync(path, 0o755)],
    ]
    for (const [name, loosen, fix] of wrong) {
      const path = rig.path(name)
      loosen(path)
      const err = new RegExp(`^runner: ${path}: error: (belongs to|is writable)`, 'm')
      t.match(await ask(['-c', file, 'history']), { status: 78, err }, name)
      t.match(await ask(['history'], { RUNNER_CONFIG: file }), { status: 78, err }, name)
      t.match(await ask(['-c', file, '--insecure-permissions', 'history']), { status: 0 }, name)
      t.match(await ask(['history', '--insecure-permissions', '-c', file]), { status: 0 }, name)
      fix(path)
    }
    t.match(await ask(['-c', file, 'history']), { status: 0 })
    symlinkSync('runner.cfg', rig.path('link'))
    lchownSync(rig.path('link'), nobody, nobody)
    t.match(await ask(['-c', rig.path('link'), 'history']), { status: 78, err: /chown -h root/ })
  },
)

rigTest(
  t,
  'another user than root believes itself and root, also what its group may write, but nobody else',
  { needs: [root, setpriv] },
  async (t, rig) => {
    const ask = () => said(rig.start(['history'], { before: asNobody }))
    const file = rig.path('runner.cfg')
    t.match(await ask(), { status: 0 }, "root's")
    chownSync(file, nobody, nobody)
    chmodSync(file, 0o664)
    chmodSync(rig.dir, 0o775)
    t.match(await ask(), { status: 0 }, 'its own, made with umask 002')
    chmodSync(file, 0o646)
    t.match(await ask(), { status: 78, err: /is writable by others.*\n +chmod o-w / })
    chmodSync(file, 0o644)
    chownSync(file, stranger, stranger)
    t.match(await ask(), { status: 78, err: /belongs to user 1 / })
  },
)

/** A program of another user that listens, and says all that it hears. */
async function listenAsNobody(rig: Rig): Promise<{ port: number; heard: string; end(): Promise<void> }> {
  const file = rig.file(
    'listen.mjs',
    `import { createServer } from 'node:http'
createServer((request, response) => {
  console.log(JSON.stringify(request.headers))
  response.end('{}')
}).listen(0, '127.0.0.1', function () { console.log(this.address().port) })`,
  )
  const child = execa(process.execPath, [file], {
    uid: nobody,
    stdio: ['ignore', 'pipe', 'inherit'],
    reject: false,
  })
  const end = async () => {
    child.kill('SIGKILL')
    await child
  }
  const listener = { port: 0, heard: '', end }
  child.stdout.on('data', (data: Buffer) => {
    listener.heard += data
  })
  await once(child.stdout, 'data')
  listener.port = Number(listener.heard)
  listener.heard = ''
  return listener
}

rigTest(
  t,
  "the administrator's token goes to this host's own server alone: not to a stranger at its address, nor elsewhere",
  { needs: [root] },
  async (t, rig) => {
    mkdirSync(rig.path('state', 'server'), { recursive: true })
    writeFileSync(rig.path('state', 'server', 'admin.token'), 'rnr_admin_hush\n')
    const listener = await listenAsNobody(rig)
    try {
      const address = `127.0.0.1:${listener.port}`
      rig.configure({}, `[server]\nlisten = ${address}\n`)
      for (const words of [
        ['busy'],
        ['busy', '--server', address],
        ['executions', '--server', `localhost:${listener.port}`],
      ])
        t.match(
          await said(rig.start(words)),
          { status: 69, err: /user 65534 listens at .*, and not the server of this host/ },
          words.join(' '),
        )
      rig.configure({}, '[server]\nlisten = 127.0.0.1:1\n')
      for (const [words, env] of [
        [['busy', '--server', address], {}],
        [['busy'], { RUNNER_SERVER: address }],
      ] as const)
        t.match(
          await said(rig.start([...words], { env })),
          { status: 78, err: /wants a token, and that of this host is for http:\/\/127\.0\.0\.1:1 alone/ },
          words.join(' '),
        )
      t.match(await said(rig.start(['busy'])), { status: 69, err: /nothing listens at/ })
      t.equal(listener.heard, '', 'it has heard nothing')
      const named = ['busy', '--server', address, '--token-file', rig.path('state/server/admin.token')]
      await said(rig.start(named))
      t.match(listener.heard, 'hush', 'but for a token that was named')
    } finally {
      await listener.end()
    }
  },
)
