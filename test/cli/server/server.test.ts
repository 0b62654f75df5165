import { readFileSync, statSync } from 'node:fs'
import { request } from 'node:https'
import { createServer } from 'node:net'
import { hostname } from 'node:os'
import { connect, type SecureVersion } from 'node:tls'
import { execaSync } from 'execa'
import t from 'tap'
import { systemClock } from '../../../src/edges.ts'
import { program } from '../../support/require.ts'
import { type Rig, rigTest } from '../../support/rig.ts'
import { serverTest, TestServer } from '../../support/server.ts'

const serve = (rig: Rig, lines: string, ...args: string[]) => {
  rig.configure({}, `[server]\n${lines}`)
  return rig.start(['server', ...args])
}

rigTest(t, 'all that is wrong with [server] is said at once, with its place', {}, async (t, rig) => {
  const run = serve(
    rig,
    'listen = 8080\nlease_second = 5\nlog_limits = 3\nretention_days = soon\ntls_cert_file = a\nreserve_wait_seconds = 60\n',
  )
  t.equal(await run.ended, 78)
  for (const said of [
    /runner\.cfg:8: error: listen is "8080"; it must be an address and a port/,
    /runner\.cfg:9: error: \[server\] has no key lease_second\n +did you mean lease_seconds\?/,
    /runner\.cfg:11: error: retention_days is "soon"; it must be a number of days/,
    /runner\.cfg:12: error: tls_cert_file is set, and tls_key_file is not/,
    /runner\.cfg:13: error: reserve_wait_seconds is 60; it is at most 50/,
    /the server has not been started/,
  ])
    t.match(run.text, said)
  t.match(await rig.start(['check']).ended, 78)
})

rigTest(t, 'beyond this machine it listens with TLS only', {}, async (t, rig) => {
  const run = serve(rig, 'listen = 0.0.0.0:0\n')
  t.equal(await run.ended, 78)
  t.match(run.text, /runner\.cfg:\d+: error: the server would listen on 0\.0\.0\.0 without TLS/)
  const option = serve(rig, '', '--listen', ':0')
  t.equal(await option.ended, 78)
  t.match(option.text, /^runner: error: the server would listen on :: without TLS/m)
  const insecure = serve(rig, 'listen = 0.0.0.0:0\n', '--insecure-http')
  await insecure.says('listens on http://0.0.0.0:')
  await insecure.says(`runner attach --server http://${hostname()}:`)
  insecure.child.kill()
  t.equal(await insecure.ended, 0)
})

rigTest(
  t,
  'a runner beside its server reaches it through no proxy of the environment',
  {},
  async (t, rig) => {
    let calls = 0
    const proxy = createServer(socket => {
      calls++
      socket.destroy()
    })
    await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
    const { port } = proxy.address() as { port: number }
    // An address of this machine that no rule for loopback addresses knows.
    rig.configure({}, '[server]\nlisten = [::ffff:127.0.0.1]:0\n[remote]\nhealth_listen = 127.0.0.1:0\n')
    const env = { HTTP_PROXY: `http://127.0.0.1:${port}`, http_proxy: `http://127.0.0.1:${port}` }
    const run = rig.start(['server', '--attach', '--insecure-http'], { env, lasting: true })
    await run.says('registered with')
    run.child.kill()
    t.equal(await run.ended, 0)
    t.equal(calls, 0)
    proxy.close()
  },
)

rigTest(t, 'an address that is in use is said', {}, async (t, rig) => {
  const other = createServer()
  await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
  const { port } = other.address() as { port: number }
  const run = serve(rig, `listen = 127.0.0.1:${port}\n`)
  t.equal(await run.ended, 69)
  t.match(run.text, `127.0.0.1:${port} is in use by another program`)
  other.close()
})

rigTest(t, 'keys and stores that cannot be used are said', {}, async (t, rig) => {
  rig.file('short', 'x', 0o600)
  const short = serve(rig, 'listen = 127.0.0.1:0\nkey_file = short\n')
  t.equal(await short.ended, 69)
  t.match(short.text, /short/)
  rig.file('text', 'no database'.repeat(1000), 0o600)
  const none = serve(rig, 'listen = 127.0.0.1:0\ndatabase = sqlite:text\n')
  t.equal(await none.ended, 69)
  t.match(none.text, /not an SQLite database/)
})

serverTest(t, 'it says how to go on, and keeps what is secret from others', {}, async (t, server) => {
  const { text } = server.run
  t.match(
    text,
    `runner attach --server ${server.url} --token-file ${server.rig.path('state/server/registration.token')}`,
  )
  t.match(
    text,
    `runner submit --server ${server.url} --token-file ${server.rig.path('state/server/admin.token')}`,
  )
  for (const name of ['admin.token', 'registration.token', 'key', 'server.db'])
    t.equal(statSync(server.rig.path('state/server', name)).mode & 0o777, 0o600, name)
  t.equal(statSync(server.rig.path('state/server')).mode & 0o777, 0o700)
  t.notMatch(text, server.token('admin'))
  const [line] = server.run.err.map(String).join('').split('\n')
  t.match(JSON.parse(line!), { level: 'info', message: 'the server listens', url: server.url })
  const second = server.rig.start(['server'])
  t.equal(await second.ended, 69)
  t.match(second.text, /another server has .* open, process \d+/)
})

serverTest(t, 'it tells systemd when it is ready and when it stops', {}, async (t, server) => {
  await server.stop()
  server.rig.file('systemd-notify', '#!/bin/sh\necho "$*" >> "$DIR/told"\n', 0o755)
  const env = { PATH: `${server.rig.dir}:${process.env.PATH}`, NOTIFY_SOCKET: 'none' }
  const run = server.rig.start(['server'], { env, lasting: true })
  const told = async (word: string) => {
    while (!server.rig.lines('told').some(line => line.includes(word))) await systemClock.sleep(0.02)
  }
  await told('READY=1')
  run.child.kill('SIGTERM')
  t.equal(await run.ended, 0)
  await told('STOPPING=1')
})

const openssl = program('openssl')

rigTest(
  t,
  'with TLS it speaks 1.2 and above, to those who have a certificate',
  { needs: [openssl] },
  async (t, rig) => {
    const ssl = (command: string) => {
      const { failed, message } = execaSync('sh', ['-c', command], { cwd: rig.dir, reject: false })
      t.equal(failed, false, message ?? command)
    }
    const key = '-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
    ssl(`openssl req -x509 ${key} -keyout ca.key -out ca.pem -subj /CN=ca -days 2`)
    const sign = (name: string) =>
      ssl(
        `openssl x509 -req -in ${name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -copy_extensions copy -out ${name}.pem -days 2`,
      )
    for (const [name, extra] of [
      ['server', '-addext subjectAltName=IP:127.0.0.1'],
      ['client', ''],
    ] as const) {
      ssl(`openssl req ${key} -keyout ${name}.key -out ${name}.csr -subj /CN=${name} ${extra}`)
      sign(name)
    }
    const files = 'tls_cert_file = server.pem\ntls_key_file = server.key\n'
    rig.configure({}, `[server]\nlisten = 127.0.0.1:0\n${files}client_ca_file = ca.pem\n`)
    const server = await new TestServer(rig, rig.start(['server'], { lasting: true })).ready()
    t.match(server.url, /^https:/)
    const port = Number(new URL(server.url).port)
    const read = (name: string) => readFileSync(rig.path(name))
    const ca = read('ca.pem')
    const identity = { cert: read('client.pem'), key: read('client.key') }
    const health = (options: object) =>
      new Promise<number | undefined>((resolve, reject) => {
        const call = request(
          { host: '127.0.0.1', port, path: '/health', ca, agent: false, ...options },
          answer => {
            answer.resume()
            answer.on('end', () => resolve(answer.statusCode))
          },
        )
        call.on('error', reject).end()
      })
    t.equal(await health(identity), 200)
    await t.rejects(health({}), 'without a certificate there is no answer')
    const hello = (maxVersion: SecureVersion) =>
      new Promise<string>(resolve => {
        const socket = connect({ host: '127.0.0.1', port, ca, ...identity, minVersion: 'TLSv1', maxVersion })
        socket.on('secureConnect', () => resolve(socket.getProtocol() ?? '') ?? socket.destroy())
        socket.on('error', error => resolve(error.message))
      })
    t.equal(await hello('TLSv1.2'), 'TLSv1.2')
    t.notMatch(await hello('TLSv1.1'), /^TLSv1\.1$/)

    const serial = () =>
      new Promise<string>((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port, ca, ...identity }, () => {
          resolve(socket.getPeerCertificate().serialNumber)
          socket.destroy()
        }).on('error', reject)
      })
    const before = await serial()
    const renew = async (said: string) => {
      server.run.child.kill('SIGHUP')
      await server.run.says(said)
    }
    rig.file('server.pem', 'half of a certif')
    await renew('the new certificates are not used')
    t.equal(await serial(), before, 'a file that is of no use changes nothing')
    sign('server')
    await renew('the certificates have been read again')
    t.not(await serial(), before)
    t.equal(await health(identity), 200)
    t.equal(await server.stop(), 0)

    rig.file('server.key', 'no key', 0o600)
    const damaged = rig.start(['server'])
    t.equal(await damaged.ended, 78)
    t.match(damaged.text, /the files of TLS cannot be used/)
  },
)
