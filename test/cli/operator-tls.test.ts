import t from 'tap'
import { Authority } from '../support/certificates.ts'
import { say } from '../support/operator.ts'
import { program } from '../support/require.ts'
import { type StoreKind, serverTest } from '../support/server.ts'

/** SQLite behind TLS that wants certificates of its clients. */
let authority: Authority
const behindTls: StoreKind = {
  name: 'TLS',
  needs: [program('openssl')],
  open: async rig => {
    authority = new Authority(rig.dir)
    const { certFile: tls_cert_file, keyFile: tls_key_file } = authority.issue('server', 'IP:127.0.0.1')
    const keys = { tls_cert_file, tls_key_file, client_ca_file: authority.ca.certFile }
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
