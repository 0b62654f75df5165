import { chmodSync } from 'node:fs'
import { connect } from 'node:tls'
import t from 'tap'
import { Authority } from '../../support/certificates.ts'
import { say } from '../../support/operator.ts'
import { program } from '../../support/require.ts'
import { rigTest } from '../../support/rig.ts'
import { type StoreKind, serverTest } from '../../support/server.ts'

/** SQLite behind TLS that wants certificates of its clients. */
let authority: Authority
const behindTls: StoreKind = {
  name: 'TLS',
  needs: [program('openssl')],
  open: async rig => {
    authority = new Authority(rig.dir)
    const { certFile: tls_cert_file, keyFile: tls_key_file } = authority.issue('server', 'IP:127.0.0.1')
    const client_ca_file = authority.ca.certFile
    const keys = { tls_cert_file, tls_key_file, client_ca_file, client_crl_file: authority.revoke() }
    return { keys, close: async () => {} }
  },
}

serverTest(
  t,
  'a server behind TLS is called with its CA and a certificate',
  { stores: [behindTls] },
  async (t, server) => {
    t.match(server.url, /^https:/)
    const { certFile, keyFile } = authority.issue('client', 'DNS:client')
    const ca = ['--ca-file', authority.ca.certFile]
    const certificate = ['--cert-file', certFile, '--key-file', keyFile]
    t.match(await say(server, ['job', 'list', ...ca, ...certificate]), { status: 0, out: 'no jobs\n' })
    const env = { RUNNER_SERVER_CA_FILE: authority.ca.certFile }
    t.equal((await say(server, ['job', 'list', ...certificate], { env })).status, 0)
    t.match(await say(server, ['job', 'list', ...certificate]), { status: 69, err: /not trusted.*--ca-file/ })
    t.equal((await say(server, ['job', 'list', ...ca])).status, 69, 'without a certificate')
    const plain = { RUNNER_SERVER: server.url.replace('https', 'http') }
    t.match(await say(server, ['job', 'list'], { env: plain }), {
      status: 69,
      err: /if it serves TLS, say https/,
    })
    const noProxy = ['--proxy', 'http://127.0.0.1:1']
    t.match(await say(server, ['job', 'list', ...noProxy]), { status: 69, err: /the proxy 127\.0\.0\.1:1/ })
    t.match(await say(server, ['job', 'list', '--ca-file', '/none']), {
      status: 78,
      err: /\/none cannot be read/,
    })
  },
)

serverTest(
  t,
  'a client whose certificate is revoked gets in no more, from the next SIGHUP on',
  { stores: [behindTls] },
  async (t, server) => {
    const clients = ['kept', 'lost'].map(name => authority.issue(name, `DNS:${name}`))
    const lists = ({ certFile, keyFile }: (typeof clients)[number]) =>
      say(server, [
        'job',
        'list',
        '--ca-file',
        authority.ca.certFile,
        '--cert-file',
        certFile,
        '--key-file',
        keyFile,
      ])
    for (const client of clients) t.equal((await lists(client)).status, 0)
    authority.revoke(clients[1]!)
    process.kill(server.pid, 'SIGHUP')
    await server.run.says('read again')
    t.equal((await lists(clients[0]!)).status, 0)
    t.match(await lists(clients[1]!), { status: 69 })
  },
)

serverTest(t, 'no suite with CBC is spoken', { stores: [behindTls] }, async (t, server) => {
  const { cert, key } = authority.issue('client', 'DNS:client')
  const port = Number(new URL(server.url).port)
  const speaks = (ciphers: string) =>
    new Promise<string>(resolve => {
      const ca = authority.ca.cert
      const options = { host: '127.0.0.1', port, ca, cert, key, ciphers, maxVersion: 'TLSv1.2' } as const
      const socket = connect(options, () => {
        resolve(socket.getCipher().name)
        socket.destroy()
      }).on('error', error => resolve(error.message))
    })
  t.equal(await speaks('ECDHE-ECDSA-AES128-GCM-SHA256'), 'ECDHE-ECDSA-AES128-GCM-SHA256')
  for (const suite of ['ECDHE-ECDSA-AES128-SHA256', 'ECDHE-ECDSA-AES256-SHA', 'AES128-SHA'])
    t.match(await speaks(suite), /alert|handshake/, suite)
})

rigTest(
  t,
  'a private key that every user can read is refused',
  { needs: [program('openssl')] },
  async (t, rig) => {
    const { certFile, keyFile } = new Authority(rig.dir).issue('server', 'IP:127.0.0.1')
    rig.configure(
      {},
      `[server]\nlisten = 127.0.0.1:0\ntls_cert_file = ${certFile}\ntls_key_file = ${keyFile}\n`,
    )
    chmodSync(keyFile, 0o644)
    const refused = rig.start(['server'])
    t.equal(await refused.ended, 78)
    t.match(refused.text, /tls_key_file .* can be used by every user: chmod o= /)
    chmodSync(keyFile, 0o640)
    const server = rig.start(['server'], { lasting: true })
    await server.says('listens on https')
    server.child.kill('SIGTERM')
    t.equal(await server.ended, 0)
  },
)
