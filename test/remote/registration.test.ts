/*
 * What keeps a runner from being registered, through the real program; no engine is needed for that.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { Attached } from '../support/attached.ts'
import { Authority, type Certificate } from '../support/certificates.ts'
import { staticBusybox } from '../support/images.ts'
import { type Component, machineId, mounts, program } from '../support/require.ts'
import { type Rig, rigTest } from '../support/rig.ts'
import { TestServer } from '../support/server.ts'

t.setTimeout(120_000)

const configure = (rig: Rig, remote: Record<string, string>, server = '') => {
  const keys = { health_listen: '127.0.0.1:0', ...remote }
  const lines = Object.entries(keys).map(([key, value]) => `${key} = ${value}\n`)
  rig.configure(
    {},
    `[server]\nlisten = 127.0.0.1:0\n${server}\n[remote]\n${lines.join('')}[executor]\ndocker_host = unix:///nowhere.sock`,
  )
}
const attach = (rig: Rig, ...before: string[]) =>
  new Attached(rig.start(['attach', '--json'], { lasting: true, before }))

const test = (title: string, body: (t: Test, rig: Rig) => Promise<unknown>, needs: Component[] = []) =>
  rigTest(t, title, { needs }, body)

test(
  'a server that is not there yet is waited for',
  async (t, rig) => {
    configure(rig, { url: 'http://127.0.0.1:9', token_file: 'none' })
    rig.file('none', 'rnr_registration_none')
    const runner = attach(rig)
    t.match(await runner.event('registration:failed'), {
      reason: 'server-refused',
      message: /nothing listens/,
    })
    t.match(await runner.event('engine:failed'), { message: /nowhere.sock/ })
    t.equal(await runner.stop(), 0)
  },
  [staticBusybox],
)

test('a token that is wrong is said to be so, and the right one is taken when it is there', async (t, rig) => {
  configure(rig, {})
  const server = await new TestServer(rig, rig.start(['server'], { lasting: true })).ready()
  configure(rig, { url: server.url, token_file: 'token' })
  const runner = attach(rig)
  t.match(await runner.event('registration:failed'), {
    message: /token.*it is not there.*runner token create/,
  })
  rig.file('token', 'rnr_registration_wrong')
  t.match(
    await runner.event('registration:failed', ({ message }) => /does not know this token/.test(message)),
    {
      reason: 'bad-token',
    },
  )
  rig.file('token', server.token('admin'))
  t.match(await runner.event('registration:failed', ({ reason }) => reason === 'wrong-token-kind'), {
    message: /kind admin was sent.*`runner token create registration NAME --out FILE`.*token_file/,
  })
  rig.file('token', server.token('registration'))
  await runner.event('runner:registered')
  t.equal(await runner.stop(), 0)
  const own = attach(rig)
  rig.file('token', 'rnr_registration_wrong')
  await own.event('runner:registered')
  t.equal(await own.stop(), 0, 'a runner that was registered registers with its own token')
  await server.stop()
})

test(
  'certificates that are wrong are said to be so, and the right ones are taken when they are there',
  async (t, rig) => {
    const authority = new Authority(rig.dir)
    authority.issue('server', 'IP:127.0.0.1')
    const client = authority.issue('client', 'DNS:client')
    mkdirSync(rig.path('other'))
    const stranger = new Authority(rig.path('other'))
    const strange = stranger.issue('client', 'DNS:client')
    const put = (names: string, { cert, key }: Certificate) => {
      rig.file(`${names}.crt`, cert)
      rig.file(`${names}.key`, key)
    }
    const tls = 'tls_cert_file = server.crt\ntls_key_file = server.key\nclient_ca_file = ca.crt'
    configure(rig, {}, tls)
    const server = await new TestServer(rig, rig.start(['server'], { lasting: true })).ready()
    const token_file = 'state/server/registration.token'
    configure(rig, { url: server.url, token_file, ca_file: 'my-ca.crt' })
    put('my-ca', stranger.ca)
    const bare = attach(rig)
    await bare.event('registration:failed', ({ message }) => /not trusted.*ca_file/.test(message))
    put('my-ca', authority.ca)
    const wanted = /client certificate, give one that it trusts: cert_file/
    await bare.event('registration:failed', ({ message }) => wanted.test(message))
    t.equal(await bare.stop(), 0)

    put('mine', strange)
    const files = { ca_file: 'my-ca.crt', cert_file: 'mine.crt', key_file: 'mine.key' }
    configure(rig, { url: server.url, token_file, ...files })
    const runner = attach(rig)
    await runner.event('registration:failed', ({ message }) => wanted.test(message))
    put('mine', { ...client, cert: Buffer.from('half of it') })
    await runner.event('registration:failed', ({ message }) => /no TLS connection/.test(message))
    put('mine', client)
    await runner.event('runner:registered')
    t.equal(runner.all('registration:failed').length, 2, 'each is told once')
    t.equal(await runner.stop(), 0)
    await server.stop()
  },
  [program('openssl')],
)

test('a clock that is wrong is told', async (t, rig) => {
  const server = createServer((_, response) => {
    response.writeHead(503, { date: new Date(Date.now() - 3_600_000).toUTCString() }).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  configure(rig, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, token_file: 'token' })
  rig.file('token', 'rnr_registration_x')
  const runner = attach(rig)
  t.match(await runner.event('clock:wrong'), { message: /360[01] s ahead of/ })
  t.match(await runner.event('registration:failed'), { reason: 'gateway-failed' })
  t.equal(await runner.stop(), 0)
  server.close()
})

test(
  '/live, /ready and /metrics say how it is',
  async (t, rig) => {
    configure(rig, { url: 'http://127.0.0.1:9', token_file: 'token' })
    const runner = attach(rig)
    const { message } = await runner.event('notice', ({ message }) => message.includes('/live'))
    const url = message.match(/http:\S+/)![0]
    const get = async (path: string) => {
      const answer = await fetch(`${url}${path}`)
      return `${answer.status} ${await answer.text()}`
    }
    t.equal(await get('/live'), '200 live\n')
    await runner.event('engine:failed')
    t.match(await get('/ready'), /^503 registering: the engine at .*nowhere.sock/)
    t.match(await get('/metrics'), /^200 # HELP runner_ready .*\n# TYPE runner_ready gauge\nrunner_ready 0\n/)
    t.match(await get('/elsewhere'), /^404/)
    t.equal(await runner.stop(), 0)
  },
  [staticBusybox],
)

test(
  'an identity is made once, 0600, and a copy of the machine is told to take another',
  async (t, rig) => {
    configure(rig, { url: 'http://127.0.0.1:9', token_file: 'token' })
    const first = attach(rig)
    await first.event('registration:failed')
    t.equal(await first.stop(), 0)
    const { mkdirSync, readFileSync, statSync } = await import('node:fs')
    const file = rig.path('state', 'remote', 'identity.json')
    const identity = JSON.parse(readFileSync(file, 'utf8'))
    for (const name of ['identity.json', 'key.pem'])
      t.equal(statSync(rig.path('state', 'remote', name)).mode & 0o777, 0o600)
    writeFileSync(file, JSON.stringify({ ...identity, machine_id: 'f'.repeat(32) }))
    const copy = rig.start(['attach'])
    t.equal(await copy.ended, 78)
    t.match(copy.text, /another machine.*machine_id into .*--new-identity`, which gives up its jobs/)
    const spool = (...names: string[]) => rig.path('state', 'remote', 'spool', ...names)
    for (const id of ['one', 'two', 'three']) mkdirSync(spool(id), { recursive: true })
    writeFileSync(spool('three', 'end.json'), '{}')
    const anew = new Attached(rig.start(['attach', '--json', '--new-identity'], { lasting: true }))
    await anew.event('registration:failed')
    t.match(
      anew.all('notice').map(({ message }) => message)[0],
      new RegExp(`had not ended: 2, .* not delivered: 1; .* label runner.uuid=${identity.uuid}$`),
    )
    t.equal(await anew.stop(), 0)
    t.not(JSON.parse(readFileSync(file, 'utf8')).uuid, identity.uuid)
  },
  [machineId],
)

/** The machine without a machine id; of its board there is what a word says, of its disk nothing. */
const otherMachine = [
  'unshare',
  '-m',
  'sh',
  '-c',
  `set -e; board=$1; shift
mount -t tmpfs none /mnt
for path in /*; do
  if [ -L "$path" ]; then cp -P "$path" /mnt/
  elif [ -d "$path" ]; then mkdir "/mnt$path"; [ "$path" = /mnt ] || mount --rbind "$path" "/mnt$path"; fi
done
for file in /mnt/etc/machine-id /mnt/var/lib/dbus/machine-id; do
  [ ! -e "$file" ] || mount --bind /dev/null "$file"
done
for folder in class dev/block; do mount -t tmpfs none "/mnt/sys/$folder"; done
[ -z "$board" ] || { mkdir -p /mnt/sys/class/dmi/id; echo "$board" >/mnt/sys/class/dmi/id/product_uuid; }
exec chroot /mnt "$@"`,
  'sh',
]

test(
  'where there is no machine id a copy is known by its board, and where there is nothing that is said',
  async (t, rig) => {
    configure(rig, { url: 'http://127.0.0.1:9', token_file: 'token' })
    const start = (board: string, ...args: string[]) =>
      rig.start(['-c', rig.path('runner.cfg'), ...args], { lasting: true, before: [...otherMachine, board] })
    const begin = async (board: string) => {
      const runner = new Attached(start(board, 'attach', '--json'))
      await runner.event('registration:failed')
      t.equal(await runner.stop(), 0)
      return runner.all('notice').some(({ message }) => message.includes('neither a machine id'))
    }
    t.ok(await begin(''), 'nothing is known')
    t.notOk(await begin('4C4C4544-0042'), 'what is known by now is written down')
    const copy = start('4C4C4544-0043', 'attach')
    t.equal(await copy.ended, 78)
    t.match(copy.text, /another machine: .*another board or disk, take hardware out of .*--new-identity/)
    t.notOk(await begin('4C4C4544-0042'), 'the machine itself goes on')
    const withId = attach(rig)
    await withId.event('registration:failed')
    t.equal(await withId.stop(), 0, 'with a machine id too')
    const doctor = async (board: string) => {
      const run = start(board, 'doctor', '--json')
      await run.ended
      const { checks } = JSON.parse(Buffer.concat(run.out).toString()) as { checks: { check: string }[] }
      return checks.find(({ check }) => check === 'machine')
    }
    t.match(await doctor(''), {
      result: 'warning',
      message: /neither a machine id.*systemd-machine-id-setup/,
    })
    t.match(await doctor('4C4C4544-0042'), { result: 'ok', message: /its board or disk/ })
  },
  [mounts],
)

test('without a server to attach to, it says what to write', async (t, rig) => {
  configure(rig, {})
  const runner = rig.start(['attach'])
  t.equal(await runner.ended, 64)
  t.match(runner.text, /url in \[remote\], or --server/)
})
