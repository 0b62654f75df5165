import { once } from 'node:events'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { behindTls, caOf } from '../../support/behind-tls.ts'
import { fewFiles, post, raw, speak } from '../../support/raw-connections.ts'
import { type StoreKind, serverTest, type TestServer } from '../../support/server.ts'

// Each waits for 10 to 30 seconds: until the server has lost its patience.
t.jobs = 4

const plain: StoreKind = { name: 'plain', needs: [], open: async () => ({ keys: {}, close: async () => {} }) }

/** The status of `/health`, asked over a connection of its own. */
async function health(server: TestServer): Promise<string> {
  const { protocol, hostname, port } = new URL(server.url)
  const at = { host: hostname, port: Number(port) }
  const socket = protocol === 'https:' ? connectTls({ ...at, ca: caOf(server).cert }) : connect(at)
  await once(socket, protocol === 'https:' ? 'secureConnect' : 'connect')
  socket.write('GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  let heard = ''
  for await (const data of socket) heard += data
  return heard.split('\r\n')[0]!
}

serverTest(t, 'a body that drips is not waited for', {}, async (t, server) => {
  const began = performance.now()
  const socket = await raw(server)
  let heard = ''
  socket.on('data', data => {
    heard += data
  })
  socket.write(post(server.token('admin'), 'content-length: 1000'))
  const drips = setInterval(() => socket.write(' '), 1000)
  await once(socket, 'close')
  clearInterval(drips)
  t.match(heard, /^HTTP\/1\.1 408 [\s\S]*urn:runner:problem:request-timeout/)
  t.ok(performance.now() - began < 60_000)
  t.notMatch(server.run.text, /a request failed/)
})

serverTest(
  t,
  'silent connections are closed, and hold nobody up meanwhile',
  { stores: [plain, behindTls], before: fewFiles },
  async (t, server) => {
    const ends: Promise<unknown>[] = []
    for (let count = 0; count < 300; count++) {
      const socket = await raw(server)
      ends.push(once(socket, 'close'))
      if (count % 100 === 50) t.equal(await health(server), 'HTTP/1.1 200 OK')
    }
    t.equal(await health(server), 'HTTP/1.1 200 OK')
    const began = performance.now()
    await Promise.all(ends)
    t.ok(performance.now() - began < 30_000, 'all of them, long before a client would give up')
    t.match(server.run.text, /without a valid token were closed/)
  },
)

serverTest(
  t,
  'whatever the answer was, a connection without a token is not kept idle',
  {},
  async (t, server) => {
    const began = performance.now()
    const asked = ['GET /health', 'GET /nothing', 'OPTIONS *', 'PUT /health', 'GET /v1/busy', 'GET /%zz']
    await Promise.all(
      asked.map(async line => {
        t.match(await speak(server, `${line} HTTP/1.1\r\nhost: x\r\n\r\n`), /^HTTP\/1\.1 [24]/, line)
        t.ok(performance.now() - began < 40_000, `${line}: long before 75 s`)
      }),
    )
  },
)
