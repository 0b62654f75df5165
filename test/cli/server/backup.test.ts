import { generateKeyPairSync } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { rsaKeys } from '../../support/keys.ts'
import { rigTest } from '../../support/rig.ts'
import { serverTest, TestServer } from '../../support/server.ts'

serverTest(
  t,
  'a whole server can be copied while it runs, and made anew from that',
  {},
  async (t, server) => {
    const { rig } = server
    const runner = await server.runner()
    const submitted = await server.submit({ command: ['true'], secret_env: { TOKEN: 'hush-hush' } })
    const reservation = await runner.begin()
    await runner.log(reservation, 0, 'some output\n')
    const told = await server.call('PUT', '/v1/jobs/one', {
      body: { image: 'img', secret_env: { A: 'hush' } },
    })
    t.equal(told.status, 201, told.text)
    const jobs = (await server.call('GET', '/v1/jobs')).json

    const backup = rig.start(['server', 'backup', 'copy'])
    t.equal(await backup.ended, 0, backup.text)
    t.equal(statSync(rig.path('copy')).mode & 0o777, 0o600)
    const early = rig.start(['server', 'restore', 'copy'])
    t.equal(await early.ended, 69)
    t.match(early.text, /there is a store in .* already: move it away first/)

    t.equal(await server.stop(), 0)
    renameSync(rig.path('state', 'server'), rig.path('away'))
    const restored = rig.start(['server', 'restore', 'copy'])
    t.equal(await restored.ended, 0, restored.text)
    await server.restart()
    const again = (await server.call('GET', '/v1/jobs')).json
    t.same(
      again.map(({ name }: { name: string }) => name),
      jobs.map(({ name }: { name: string }) => name),
    )
    // The definition was sealed before the backup, and is opened by the restored key.
    const put = await server.call('PUT', '/v1/jobs/one', { body: jobs[0] })
    t.equal(put.status, 200, put.text)
    t.equal((await server.execution(submitted.id)).output, 'some output\n')
    t.equal((await runner.heartbeat({ executions: [submitted.id] })).status, 200, 'its runner goes on')
  },
)

serverTest(
  t,
  'a backup has no token files unless it is asked for them; then the next start makes new ones beside those in force',
  {},
  async (t, server) => {
    const { rig } = server
    const directory = () => rig.path('state', 'server')
    const before = { admin: server.token('admin'), registration: server.token('registration') }
    const runner = await server.runner()
    for (const [file, ...options] of [['without'], ['with', '--with-tokens']] as const) {
      const backup = rig.start(['server', 'backup', file, ...options])
      t.equal(await backup.ended, 0, backup.text)
      const database = new DatabaseSync(rig.path(file))
      const names = database.prepare('SELECT name FROM backup_files ORDER BY name').all()
      database.close()
      const tokens = options.length === 0 ? [] : ['admin.token', 'registration.token']
      t.same(names.map(({ name }) => name).toSorted(), [...tokens, 'key'].toSorted())
    }
    t.equal(await server.stop(), 0)
    renameSync(directory(), rig.path('away'))
    const restored = rig.start(['server', 'restore', 'without'])
    t.equal(await restored.ended, 0)
    t.match(
      restored.text,
      /the next start of the server writes new ones, admin\.token and registration\.token\n/,
    )
    await server.restart()
    t.not(server.token('admin'), before.admin)
    t.not(server.token('registration'), before.registration)
    t.equal(
      (await server.call('GET', '/v1/tokens')).json.items.length,
      4,
      'the new ones, and those from before',
    )
    t.equal((await server.call('GET', '/v1/tokens', { token: before.admin })).status, 200)
    t.equal((await runner.heartbeat()).status, 200, 'a runner goes on')
    await server.runner({ name: 'two' })
    const made = server.token('admin')
    t.equal(await server.stop(), 0)
    await server.restart()
    t.equal(server.token('admin'), made, 'once')
    t.equal(await server.stop(), 0)

    renameSync(directory(), rig.path('away too'))
    const again = rig.start(['server', 'restore', 'with'])
    t.equal(await again.ended, 0)
    t.match(again.text, /^runner: the store of with is in \S+\n$/)
    await server.restart()
    t.equal(server.token('admin'), before.admin)
    t.equal((await server.call('GET', '/v1/tokens')).json.items.length, 2)
  },
)

serverTest(
  t,
  'a backup that is sealed to a public key opens with the private one alone',
  {},
  async (t, server) => {
    const { rig } = server
    await server.call('PUT', '/v1/jobs/one', { body: { image: 'img', secret_env: { A: 'hush' } } })
    const keys = rsaKeys('runner')
    const { publicKey: small } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    rig.file('backup.pub', keys.publicKey)
    rig.file('small.pub', small.export({ type: 'spki', format: 'pem' }) as string)
    rig.file('backup.key', keys.privateKey, 0o644)
    const say = async (...args: string[]) => {
      const run = rig.start(['server', ...args])
      return { status: await run.ended, text: run.text }
    }
    for (const [file, text] of [
      ['none.pub', /^runner: the public key none\.pub cannot be read: no such file/],
      ['backup.key', /^runner: backup\.key is not a public key in PEM: make one by openssl genpkey/],
      ['small.pub', /^runner: small\.pub is not an RSA key of at least 3072 bits: make one by/],
    ] as const)
      t.match(await say('backup', '--recipient', file, 'copy'), { status: 69, text })
    t.match(await say('backup', '--recipient', 'backup.pub', 'copy'), {
      status: 0,
      text: /^runner: copy has the store.* sealed: the private key of backup\.pub opens it\n$/,
    })
    const bytes = readFileSync(rig.path('copy'))
    t.notOk(bytes.includes(readFileSync(rig.path('state', 'server', 'key'))))
    t.notOk(bytes.includes('img'))

    t.equal(await server.stop(), 0)
    renameSync(rig.path('state', 'server'), rig.path('away'))
    t.match(await say('restore', 'copy'), { status: 69, text: /by --identity\n$/ })
    t.match(await say('restore', '--identity', 'backup.key', 'copy'), {
      status: 69,
      text: /^runner: the private key backup\.key can be used by every user: chmod o= backup\.key\n$/,
    })
    chmodSync(rig.path('backup.key'), 0o600)
    truncateSync(rig.path('copy'), bytes.length - 1)
    t.match(await say('restore', '--identity', 'backup.key', 'copy'), {
      status: 69,
      text: /cut off or changed\n$/,
    })
    t.notOk(existsSync(rig.path('state', 'server')), 'nothing is written')
    writeFileSync(rig.path('copy'), bytes)
    t.match(await say('restore', '--identity', 'backup.key', 'copy'), { status: 0 })
    await server.restart()
    const [job] = (await server.call('GET', '/v1/jobs')).json
    t.equal((await server.call('PUT', '/v1/jobs/one', { body: job })).status, 200, 'its secrets open')
  },
)

rigTest(t, 'a hostile backup is refused in a sentence', {}, async (t, rig) => {
  rig.configure({}, '[server]\nlisten = 127.0.0.1:0\n')
  const server = await new TestServer(rig, rig.start(['server'], { lasting: true })).ready()
  const backup = rig.start(['server', 'backup', 'copy'])
  t.equal(await backup.ended, 0, backup.text)
  t.equal(await server.stop(), 0)
  renameSync(rig.path('state', 'server'), rig.path('away'))
  const database = new DatabaseSync(rig.path('copy'))
  database.exec("UPDATE backup_files SET name = '../../' || name")
  database.close()
  const before = readdirSync(rig.dir, { recursive: true }).sort()
  const restore = rig.start(['server', 'restore', 'copy'])
  t.equal(await restore.ended, 69)
  t.match(restore.text, /^runner: copy has an entry "\.\.\/\.\.\/[a-z.]+", which no store has\n$/)
  t.same(readdirSync(rig.dir, { recursive: true }).sort(), before, 'nothing is written')
})
