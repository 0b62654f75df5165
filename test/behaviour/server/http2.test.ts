import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type IncomingHttpStatusHeader,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { behindTls, caOf } from '../../support/behind-tls.ts'
import { serverTest, type TestServer } from '../../support/server.ts'

// Some wait until the server has lost its patience.
t.jobs = 4

/** A connection that has agreed on HTTP/2 with the server. */
async function session(server: TestServer): Promise<ClientHttp2Session> {
  const client = connect(server.url, { ca: caOf(server).cert, maxSessionMemory: 1000 })
  client.on('error', () => {})
  await once(client, 'remoteSettings')
  return client
}

/** A request and its answer; a body goes without its length, as HTTP/2 allows. */
async function ask(client: ClientHttp2Session, headers: OutgoingHttpHeaders, body?: string) {
  const stream = client.request(headers, { endStream: body === undefined })
  if (body !== undefined) stream.end(body)
  return answerOn(stream)
}

/** Resolves when a stream or a connection is over, also by an error. */
const ending = (over: ClientHttp2Session | ClientHttp2Stream): Promise<void> =>
  new Promise(resolve => {
    if (over.destroyed) resolve()
    else over.once('close', () => resolve())
  })

async function answerOn(stream: ClientHttp2Stream) {
  let headers: IncomingHttpHeaders & IncomingHttpStatusHeader = {}
  let text = ''
  // The server may stop reading before all is sent.
  stream
    .on('error', () => {})
    .on('response', answered => {
      headers = answered
    })
  stream.setEncoding('utf8').on('data', data => {
    text += data
  })
  await ending(stream)
  return { headers, status: headers[':status'], text }
}

const bearer = (server: TestServer) => ({ authorization: `Bearer ${server.token('admin')}` })
const submit = (server: TestServer) => ({
  ':method': 'POST',
  ':path': '/v1/executions',
  'content-type': 'application/json',
  ...bearer(server),
})

serverTest(
  t,
  'every kind of answer comes over HTTP/2 as it does over HTTP/1.1',
  { stores: [behindTls] },
  async (t, server) => {
    const client = await session(server)
    t.equal(client.alpnProtocol, 'h2')
    const health = await ask(client, { ':path': '/health', 'runner-time': '1' })
    t.equal(health.status, 200)
    t.match(health.headers['runner-time'], /^\d+,\d+$/)
    t.match(await ask(client, { ':path': '/v1/jobs' }), { status: 401, text: /bad-token/ })
    t.match(await ask(client, { ':path': '/v1/nothing', ...bearer(server) }), { status: 404 })
    t.match(await ask(client, submit(server), '{"image"'), { status: 400, text: /malformed/ })
    const taken = await ask(client, submit(server), '{"image":"i"}')
    t.equal(taken.status, 201, taken.text)
    const { id } = JSON.parse(taken.text)
    const list = await ask(client, { ':path': '/v1/executions', ...bearer(server) })
    t.equal(JSON.parse(list.text).items[0].id, id, 'a list, which goes in pieces')
    t.match(await ask(client, { ':path': '/', accept: 'text/html' }), {
      status: 200,
      text: /<!doctype html>/i,
    })

    const events = client.request({ ':path': '/v1/events', ...bearer(server) }).setEncoding('utf8')
    let heard = ''
    events.on('data', data => {
      heard += data
    })
    const says = async (pattern: RegExp) => {
      while (!pattern.test(heard)) await once(events, 'data')
    }
    await says(/event: ready/)
    await ask(client, submit(server), '{"image":"another"}')
    await says(/event: execution/)
    events.close(constants.NGHTTP2_CANCEL)
    t.equal((await ask(client, { ':path': '/health' })).status, 200, 'the others go on')
    client.close()
  },
)

serverTest(
  t,
  'who does not choose HTTP/2 gets HTTP/1.1 on the same port',
  { stores: [behindTls] },
  async (t, server) => {
    const { hostname, port } = new URL(server.url)
    for (const ALPNProtocols of [undefined, ['http/1.1']]) {
      const at = { host: hostname, port: Number(port), ca: caOf(server).cert }
      const socket = connectTls(ALPNProtocols === undefined ? at : { ...at, ALPNProtocols })
      await once(socket, 'secureConnect')
      socket.write('GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
      let heard = ''
      for await (const data of socket) heard += data
      t.match(heard, /^HTTP\/1\.1 200 OK/)
    }
  },
)

serverTest(
  t,
  'bodies that are not read hold up no other request on their connection',
  { stores: [behindTls] },
  async (t, server) => {
    const client = await session(server)
    const large = 'x'.repeat(200_000)
    const { authorization: _, ...nobody } = submit(server)
    for (let count = 0; count < 30; count++) t.equal((await ask(client, nobody, large)).status, 401)
    for (let count = 0; count < 10; count++)
      t.equal((await ask(client, submit(server), 'x'.repeat(20_000_000))).status, 413)
    t.equal((await ask(client, { ':path': '/health' }, large)).status, 200)
    t.equal((await ask(client, submit(server), '{"image":"i"}')).status, 201)
    client.close()
  },
)

serverTest(
  t,
  'a body that drips is answered 408, and its connection goes on',
  { stores: [behindTls] },
  async (t, server) => {
    const client = await session(server)
    const stream = client.request({ ...submit(server), 'content-length': 1000 }, { endStream: false })
    const drips = setInterval(() => stream.write(' '), 1000)
    t.match(await answerOn(stream), { status: 408, text: /urn:runner:problem:request-timeout/ })
    clearInterval(drips)
    t.equal((await ask(client, { ':path': '/health' })).status, 200)
    t.notMatch(server.run.text, /a request failed/)
    client.close()
  },
)

serverTest(
  t,
  'a connection without a valid token is closed when it says nothing; one with a reader of events is kept',
  { stores: [behindTls] },
  async (t, server) => {
    const silent = await session(server)
    const asked = await session(server)
    await ask(asked, { ':path': '/health' })
    const reader = await session(server)
    const events = reader.request({ ':path': '/v1/events', ...bearer(server) })
    await once(events.resume(), 'response')
    const began = performance.now()
    await Promise.all([silent, asked].map(ending))
    t.ok(performance.now() - began < 60_000)
    t.notOk(reader.closed)
    const ended = Promise.all([events, reader].map(ending))
    t.equal(await server.stop(), 0, 'the server does not wait for the reader')
    await ended
    await server.restart()
  },
)

serverTest(
  t,
  'hostile clients lose their connection, and nobody else notices',
  { stores: [behindTls] },
  async (t, server) => {
    const quiet = await session(server)
    const resets = await session(server)
    for (let count = 0; count < 20_000 && !resets.destroyed; count++) {
      const stream = resets.request({ ':path': '/health' })
      stream.on('error', () => {})
      stream.close(constants.NGHTTP2_CANCEL)
      if (count % 100 === 0) await new Promise(setImmediate)
    }
    await ending(resets)
    const large = await session(server)
    const answer = await ask(large, { ':path': '/health', 'x-large': 'x'.repeat(60_000) })
    t.not(answer.status, 200, 'headers of 60 KB are not taken, once the client knows the limit')
    large.destroy()
    const noise = connectTls({ ...hostOf(server), ca: caOf(server).cert, ALPNProtocols: ['h2'] })
    await once(noise, 'secureConnect')
    noise.on('error', () => {}).write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(100))
    await once(noise.resume(), 'close')
    t.equal((await ask(quiet, { ':path': '/health' })).status, 200)
    t.notMatch(server.run.text, /a request failed|Error/)
    quiet.close()
  },
)

function hostOf(server: TestServer): { host: string; port: number } {
  const { hostname, port } = new URL(server.url)
  return { host: hostname, port: Number(port) }
}
