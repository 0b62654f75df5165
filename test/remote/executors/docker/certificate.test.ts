import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:tls'
import t from 'tap'
import { loopbackCertificate } from '../../../../src/remote/executors/docker/certificate.ts'

t.test('a certificate is good for 127.0.0.1 at any time, and another one for nothing', async t => {
  const certificate = loopbackCertificate()
  const server = createServer(certificate, socket => socket.end()).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = connect({ host: '127.0.0.1', port, ca: certificate.cert })
  await once(socket, 'secureConnect')
  t.equal(socket.authorized, true)
  socket.destroy()
  const [error] = await once(connect({ host: '127.0.0.1', port, ca: loopbackCertificate().cert }), 'error')
  t.match(error, { code: /SELF_SIGNED|UNABLE_TO_VERIFY/ })
})

t.test('each certificate is one of its own, and well-formed', t => {
  const serials = new Set<string>()
  for (let count = 0; count < 200; count++) {
    const read = new X509Certificate(loopbackCertificate().cert)
    t.equal(read.verify(read.publicKey), true)
    t.match(read, { subject: 'CN=runner', subjectAltName: 'IP Address:127.0.0.1', validTo: /9999/ })
    t.match(read.serialNumber, /^[4-7][0-9A-F]{31}$/)
    serials.add(read.serialNumber)
  }
  t.equal(serials.size, 200)
  t.end()
})
