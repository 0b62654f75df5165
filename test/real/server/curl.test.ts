import { execa } from 'execa'
import t from 'tap'
import { Authority } from '../../support/certificates.ts'
import { program } from '../../support/require.ts'
import { type StoreKind, serverTest } from '../../support/server.ts'

let ca = ''
const behindTls: StoreKind = {
  name: 'TLS',
  needs: [program('openssl'), program('curl')],
  open: async rig => {
    const authority = new Authority(rig.dir)
    ca = authority.ca.certFile
    const { certFile, keyFile } = authority.issue('server', 'IP:127.0.0.1')
    return { keys: { tls_cert_file: certFile, tls_key_file: keyFile }, close: async () => {} }
  },
}

serverTest(
  t,
  'curl submits a job by the version of HTTP that it asks for',
  { stores: [behindTls] },
  async (t, server) => {
    const job = [
      '--silent',
      '--cacert',
      ca,
      '--data',
      '{"image":"i"}',
      '--write-out',
      '%{http_version} %{http_code}',
    ]
    const token = ['--header', `authorization: Bearer ${server.token('admin')}`]
    const type = ['--header', 'content-type: application/json']
    for (const [option, version] of [
      ['--http2', '2'],
      ['--http1.1', '1.1'],
    ] as const) {
      const { stdout } = await execa('curl', [
        ...job,
        ...token,
        ...type,
        option,
        `${server.url}/v1/executions`,
      ])
      t.ok(stdout.endsWith(`${version} 201`), stdout.slice(-20))
    }
  },
)
