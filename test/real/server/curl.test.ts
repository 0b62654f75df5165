import { execa } from 'execa'
import t from 'tap'
import { behindTls, caOf } from '../../support/behind-tls.ts'
import { program } from '../../support/require.ts'
import { serverTest } from '../../support/server.ts'

const withCurl = { ...behindTls, needs: [...behindTls.needs, program('curl')] }

serverTest(
  t,
  'curl submits a job by the version of HTTP that it asks for',
  { stores: [withCurl] },
  async (t, server) => {
    const job = [
      '--silent',
      '--cacert',
      caOf(server).certFile,
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
