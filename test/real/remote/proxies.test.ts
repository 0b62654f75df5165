/*
 * A job on its whole way, and the runner's own calls, through what may lie between a runner and its server: a proxy,
 * a private CA, a server that wants a certificate.
 */
import t from 'tap'
import { Attached, AttachRig, attachTest } from '../../support/attached.ts'
import { Authority } from '../../support/certificates.ts'
import { Engine } from '../../support/engine.ts'
import { executorNeeds } from '../../support/executors.ts'
import { makeImage, withBusybox } from '../../support/images.ts'
import { ProxyServer } from '../../support/proxy-server.ts'
import { program, testWith } from '../../support/require.ts'
import { rigTest } from '../../support/rig.ts'
import { TestServer } from '../../support/server.ts'

t.setTimeout(360_000)

testWith(t, 'proxies', [...executorNeeds, program('openssl')], async t => {
  await using engine = await Engine.start()
  await makeImage(engine, 'box', { fill: withBusybox })
  const job = ['--image', 'box', '--wait', '--', 'sh', '-c', 'echo hello; exit 3']

  await rigTest(
    t,
    'a proxy of the environment, a private CA, and a client certificate',
    {},
    async (t, rig) => {
      const authority = new Authority(rig.dir)
      authority.issue('server', 'DNS:control.test')
      authority.issue('client', 'DNS:client')
      const tls = 'tls_cert_file = server.crt\ntls_key_file = server.key\nclient_ca_file = ca.crt'
      rig.configure({}, `[server]\nlisten = 127.0.0.1:0\n${tls}`)
      const server = await new TestServer(rig, rig.start(['server'], { lasting: true })).ready()
      const { port } = new URL(server.url)
      await using proxy = await ProxyServer.to(Number(port))
      const url = `https://control.test:${port}`
      const fleet = new AttachRig(rig, engine, server)
      fleet.configure('one', { url, ca_file: 'ca.crt', cert_file: 'client.crt', key_file: 'client.key' })
      const env = { HTTPS_PROXY: proxy.url }
      const attach = ['-c', rig.path('one.cfg'), '-v', 'attach', '--json']
      const runner = await new Attached(rig.start(attach, { env, lasting: true })).ready()

      const files = ['--ca-file', 'ca.crt', '--cert-file', 'client.crt', '--key-file', 'client.key']
      const token = ['--token-file', rig.path('state', 'server', 'admin.token')]
      const submit = rig.start(['submit', '--server', url, ...files, ...token, ...job], { env })
      t.equal(await submit.ended, 3, submit.text)
      t.equal(Buffer.concat(submit.out).toString(), 'hello\n')
      t.same([...new Set(proxy.asked)], [`CONNECT control.test:${port}`])
      t.equal(await runner.stop(), 0)
      t.same(await fleet.empty(), [])
      await server.stop()
    },
  )

  await attachTest(
    t,
    'a proxy of the configuration, and a server without TLS',
    engine,
    {},
    async (t, fleet) => {
      await using proxy = await ProxyServer.to(Number(new URL(fleet.server.url).port))
      const runner = await fleet.attach('one', { proxy: proxy.url })
      const token = ['--token-file', fleet.rig.path('state', 'server', 'admin.token')]
      const submit = fleet.rig.start(['submit', '--server', fleet.server.url, ...token, ...job])
      t.equal(await submit.ended, 3, submit.text)
      for (const call of ['register', 'commands', 'reserve', 'confirm', 'heartbeat', 'log', 'result'])
        t.ok(
          proxy.asked.some(asked => asked.includes(`/${call}`)),
          call,
        )
      t.equal(await runner.stop(), 0)
    },
  )
})
