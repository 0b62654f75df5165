import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createNetServer, type Server as NetServer } from 'node:net'
import t, { type Test } from 'tap'
import { systemClock } from '../../../src/edges.ts'
import { Client, type ClientOptions } from '../../../src/protocol/client/client.ts'
import { persist } from '../../../src/protocol/client/retry.ts'
import { serverUrl } from '../../../src/protocol/client/transport.ts'
import { shownExecution } from '../../support/answers.ts'
import { Authority } from '../../support/certificates.ts'
import { program, testWith } from '../../support/require.ts'

const token = 'rnr_admin_c2VjcmV0'
const id = '00000000-0000-4000-8000-000000000000'
const health = { status: 'ok', store: 'ok', version: '1' }
const execution = shownExecution({ id })

async function listen<S extends Server | NetServer>(t: Test, server: S): Promise<string> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

function clientOf(t: Test, url: string, options: Partial<ClientOptions> = {}): Client {
  const server = serverUrl(url)
  if (!server.ok) throw new Error(server.failure)
  const made = { server: server.value, token: () => token, clock: systemClock, env: {}, ...options }
  const client = new Client(made)
  t.teardown(() => client[Symbol.asyncDispose]())
  return client
}

async function serving(t: Test, listener: RequestListener): Promise<Client> {
  return clientOf(t, `http://${await listen(t, createServer(listener))}`)
}

t.test('a request carries what the call has, and its answer comes back', async t => {
  const seen: unknown[] = []
  const client = await serving(t, async (request, response) => {
    const pieces = await request.toArray()
    const { authorization, date, 'idempotency-key': key, 'content-type': type } = request.headers
    const body = Buffer.concat(pieces).toString()
    seen.push([request.method, request.url, authorization, Date.parse(date!) > 0, key, type, body])
    response.setHeader('content-type', 'application/json; charset=utf-8')
    response.writeHead(201).end(JSON.stringify(execution))
  })
  const made = await client.call('submit', { body: { image: 'a' }, idempotencyKey: 'k' })
  t.same(made, { ok: true, value: execution })
  await client.call('getJob', { params: { name: 'a b/c' } })
  await client.call('listExecutions', { query: { limit: 5, state: 'queued,running' } })
  const bearer = `Bearer ${token}`
  t.same(seen, [
    ['POST', '/v1/executions', bearer, true, 'k', 'application/json', '{"image":"a"}'],
    ['GET', '/v1/jobs/a%20b%2Fc', bearer, true, undefined, undefined, ''],
    ['GET', '/v1/executions?limit=5&state=queued%2Crunning', bearer, true, undefined, undefined, ''],
  ])
})

t.test('a server below a path is reached', async t => {
  const paths: unknown[] = []
  const address = await listen(
    t,
    createServer((request, response) => {
      paths.push(request.url)
      response.writeHead(204).end()
    }),
  )
  const client = clientOf(t, `http://${address}/runner`)
  t.same(await client.call('deleteJob', { params: { name: 'x' } }), { ok: true, value: undefined })
  t.same(paths, ['/runner/v1/jobs/x'])
})

const problem = (status: number, type: string, more = {}): RequestListener => {
  return (_, response) => {
    response.setHeader('content-type', 'application/problem+json').setHeader('retry-after', '7')
    response.writeHead(status).end(JSON.stringify({ type, title: 'It is so', status, ...more }))
  }
}
const plain = (status: number, type: string, body = ''): RequestListener => {
  return (_, response) => {
    if (type !== '') response.setHeader('content-type', type)
    response.writeHead(status).end(body)
  }
}

const answers: [title: string, listener: RequestListener, reason: string, message: RegExp][] = [
  ['a problem', problem(409, 'urn:runner:problem:already-running'), 'already-running', /^It is so$/],
  [
    'a problem with a detail',
    problem(400, 'urn:runner:problem:malformed', { detail: 'x' }),
    'malformed',
    /so: x$/,
  ],
  [
    'a failing server',
    problem(500, 'urn:runner:problem:internal', { instance: 'r-1' }),
    'internal',
    /request r-1/,
  ],
  ['a newer problem', problem(400, 'urn:runner:problem:of-tomorrow'), 'unknown-problem', /It is so/],
  ['a proxy without its server', plain(502, 'text/html', '<h1>'), 'gateway-failed', /proxy before .*502/],
  ['a web site', plain(200, 'text/html', '<h1>'), 'not-a-server', /text\/html.*correct the address/],
  ['another API', plain(404, 'application/json', '{}'), 'not-a-server', /status 404/],
  ['invalid JSON', plain(200, 'application/json', '{'), 'not-a-server', /JSON cannot be parsed/],
  ['a redirection', plain(301, ''), 'not-a-server', /status 301/],
  ['a connection that breaks', (_, response) => response.destroy(), 'connection-lost', /broke.*https:/],
]
for (const [title, listener, reason, message] of answers)
  t.test(`an answer is told apart: ${title}`, async t => {
    const client = await serving(t, listener)
    const result = await client.call('listJobs', {})
    if (result.ok) return t.fail('it failed')
    t.equal(result.failure.reason, reason)
    t.match(result.failure.message, message)
    t.notMatch(JSON.stringify(result.failure), token, 'no token is told')
  })

t.test('the status of /health that says it fails is an answer', async t => {
  const client = await serving(
    t,
    plain(503, 'application/json', JSON.stringify({ ...health, status: 'failing' })),
  )
  t.match(await client.call('health', {}), { ok: true, value: { status: 'failing' } })
})

t.test('what keeps a connection from standing is told apart', async t => {
  const failureOf = async (url: string) => {
    const result = await clientOf(t, url).call('health', {})
    return result.ok ? undefined : result.failure
  }
  const closed = createNetServer()
  const address = await listen(t, closed)
  await new Promise(resolve => closed.close(resolve))
  t.match(await failureOf(`http://${address}`), { reason: 'server-refused', message: /nothing listens/ })
  t.match(await failureOf('http://nowhere.invalid'), { reason: 'name-unknown' })
  const other = await listen(
    t,
    createNetServer(socket => socket.on('error', () => {}).end('SSH-2.0-x\r\n')),
  )
  t.match(await failureOf(`http://${other}`), { reason: 'not-a-server', message: /HTTP/ })
  const http = await listen(t, createServer(plain(200, 'text/html')))
  t.match(await failureOf(`https://${http}`), {
    reason: 'tls-failed',
    message: /does not speak TLS; say http/,
  })
})

testWith(t, 'TLS: certificates are judged, and what is wrong is said', [program('openssl')], async t => {
  const authority = new Authority(t.testdir())
  const good = authority.issue('server', 'DNS:localhost,IP:127.0.0.1')
  const ask = async (tls: object, options: Partial<ClientOptions>, name = '127.0.0.1') => {
    const server = createTlsServer(
      { ...good, ...tls },
      plain(200, 'application/json', JSON.stringify(health)),
    )
    const address = (await listen(t, server)).replace('127.0.0.1', name)
    const result = await clientOf(t, `https://${address}`, options).call('health', {})
    return result.ok ? 'ok' : `${result.failure.reason}: ${result.failure.message}`
  }
  const ca = authority.ca.cert
  t.equal(await ask({}, { ca }), 'ok')
  t.match(await ask({}, {}), /^tls-failed: .*not trusted.*--ca-file/)
  t.match(await ask({ maxVersion: 'TLSv1.1', minVersion: 'TLSv1' }, { ca }), /^tls-failed/)
  t.match(await ask(authority.issue('other', 'DNS:other'), { ca }), /^tls-failed: .*not for the name 127/)
  t.match(await ask(authority.issue('old', 'IP:127.0.0.1', 'expired'), { ca }), /^tls-failed: .*expired/)
  const mutual = { ca, requestCert: true, rejectUnauthorized: true }
  t.equal(await ask(mutual, { ca, ...authority.issue('client', 'DNS:client') }), 'ok')
  t.match(await ask(mutual, { ca }), /^(tls-failed|connection-lost): /)
})

t.test('a proxy is used where one is named, and never for this machine unless it is', async t => {
  const seen: string[] = []
  const proxy = createServer((request, response) => {
    seen.push(request.url!)
    plain(200, 'application/json', JSON.stringify(health))(request, response)
  })
  proxy.on('connect', (request, socket) => {
    seen.push(request.url!)
    socket.on('error', () => {}).end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
  })
  const at = await listen(t, proxy)
  const server = await listen(t, createServer(plain(200, 'application/json', JSON.stringify(health))))
  const environment = clientOf(t, `http://${server}`, {
    env: { HTTP_PROXY: `http://${at}`, HTTPS_PROXY: `http://${at}` },
  })
  t.ok((await environment.call('health', {})).ok)
  t.same(seen, [])
  const named = clientOf(t, `http://${server}`, { proxy: `http://${at}` })
  t.ok((await named.call('health', {})).ok)
  t.same(seen, [`http://${server}/health`])
  const nowhere = await clientOf(t, `http://${server}`, { proxy: 'http://127.0.0.1:1' }).call('health', {})
  t.match(nowhere, { ok: false, failure: { reason: 'proxy-failed', message: /the proxy 127\.0\.0\.1:1/ } })
  const secret = clientOf(t, 'https://far.example', { proxy: `http://user:secret@${at}` })
  const refused = await secret.call('health', {})
  t.equal(seen[1], 'far.example:443')
  t.match(refused, { ok: false, failure: { reason: 'proxy-failed', message: /407/ } })
  t.notMatch(JSON.stringify(refused), 'secret')
})

t.test('events come one after the other, and the end of the stream ends them', async t => {
  const client = await serving(t, (_, response) => {
    response.setHeader('content-type', 'text/event-stream')
    response.write(': hello\n\nevent: log\nid: 3\ndata: {"offset":0,"base64"')
    response.end(':"YQ=="}\n\nevent: of-tomorrow\ndata: x\n\nevent: end\ndata: {"state":"failed"}\n\n')
  })
  const seen: unknown[] = []
  const result = await client.events('readLog', { params: { id }, query: { follow: true } }, event => {
    seen.push(event)
  })
  t.same(result, { ok: true, value: undefined })
  t.same(seen, [
    { event: 'log', id: '3', data: { offset: 0, base64: 'YQ==' } },
    { event: 'end', data: { state: 'failed' } },
  ])
})

const reservation = {
  execution_id: id,
  lease_id: id,
  kind: 'command',
  job_name: null,
  group: id,
  attempt: 1,
  image: 'a',
  input: null,
  secret_values: null,
  abort_timeout_seconds: 1,
  confirm_within_seconds: 30,
}
const reserve = { params: { id }, body: { slots: 3, wait_seconds: 0 }, session: 1 }

t.test('what does not fit in an answer of many parts is left out alone, and told', async t => {
  const executions: unknown[] = [
    { ...reservation, execution_id: '../../etc' },
    { ...reservation, of_tomorrow: 1 },
    { ...reservation, image: 'a b' },
    { ...reservation, env: { 'A B': 'x' } },
    null,
  ]
  const said: unknown[] = [{ executions, of_tomorrow: 1 }, { executions: {} }, {}, [], null, 'x']
  const told: string[] = []
  const address = await listen(
    t,
    createServer((_, response) => plain(200, 'application/json', JSON.stringify(said.shift()))(_, response)),
  )
  const client = clientOf(t, `http://${address}`, { onRefused: message => told.push(message) })
  t.same(await client.call('reserve', reserve), { ok: true, value: { executions: [executions[1]] } })
  t.match(told[0], /call reserve .*executions 0 \("\.\.\/\.\.\/etc"\)/)
  t.match(told[3], /and 1 more/)
  t.same(await client.call('reserve', reserve), { ok: true, value: {} })
  t.match(told[4], /executions must be array/)
  t.same(await client.call('reserve', reserve), { ok: true, value: {} })
  for (const _ of [...said])
    t.match(await client.call('reserve', reserve), { failure: { reason: 'answer-invalid' } })
})

t.test('an answer of another kind than the call has is not taken', async t => {
  for (const [status, type, body] of [
    [201, 'application/json', '{"executions":[]}'],
    [200, 'text/plain', 'hello'],
    [200, 'text/event-stream', ''],
    [206, 'application/json', '{}'],
  ] as const)
    t.match(await (await serving(t, plain(status, type, body))).call('reserve', reserve), {
      failure: { reason: 'not-a-server' },
    })
  const empty = await serving(t, plain(204, ''))
  t.match(await empty.call('listJobs', {}), { failure: { reason: 'not-a-server' } })
  const page = { items: [execution, { ...execution, id: '../x' }], next: null }
  const list = await serving(t, plain(200, 'application/json', JSON.stringify(page)))
  t.match(await list.call('listExecutions', {}), {
    failure: { reason: 'answer-invalid', message: /items 1 \("\.\.\/x"\)/ },
  })
  const newer = { items: [{ ...execution, state: 'dreaming', more: 1 }], next: null }
  const tomorrow = await serving(t, plain(200, 'application/json', JSON.stringify(newer)))
  t.match(await tomorrow.call('listExecutions', {}), { ok: true }, 'a word of tomorrow is one')
})

t.test('events end where no more are wanted, and a call where it is stopped', async t => {
  const client = await serving(t, (_, response) => {
    response.setHeader('content-type', 'text/event-stream')
    response.write('event: log\ndata: {"offset":0,"base64":""}\n\nevent: end\ndata: {"state":"failed"}\n\n')
  })
  const seen: string[] = []
  const result = await client.events('readLog', { params: { id } }, ({ event }) => {
    seen.push(event)
    return event !== 'log'
  })
  t.same([result.ok, seen], [true, ['log']])
  const stop = new AbortController()
  const stopped = client.events('readLog', { params: { id }, signal: stop.signal }, () => stop.abort())
  t.match(await stopped, { ok: false, failure: { reason: 'stopped' } })
})

t.test('a call that fails in passing is made again, as the server asks; another one is not', async t => {
  let calls = 0
  const client = await serving(t, (request, response) => {
    calls++
    if (calls < 3) problem(503, 'urn:runner:problem:unavailable')(request, response)
    else plain(200, 'application/json', '[]')(request, response)
  })
  const slept: number[] = []
  const clock = { ...systemClock, sleep: async (seconds: number) => void slept.push(seconds) }
  const told: string[] = []
  const retrying = { retries: 5, clock, onRetry: (failure: { reason: string }) => told.push(failure.reason) }
  t.match(await persist(() => client.call('listJobs', {}), retrying), { ok: true, value: [] })
  t.same([calls, slept, told], [3, [7, 7], ['unavailable', 'unavailable']])
  const refusing = await serving(t, problem(403, 'urn:runner:problem:wrong-token-kind'))
  const result = await persist(() => refusing.call('listJobs', {}), { retries: 5, clock })
  t.match(result, { ok: false, failure: { reason: 'wrong-token-kind' } })
})

t.test('an address is one of a server, without secrets in it', async t => {
  for (const [text, wanted] of [
    ['localhost:8080', 'http://localhost:8080/'],
    ['https://a.example/x', 'https://a.example/x/'],
    ['[::1]:8080', 'http://[::1]:8080/'],
  ] as const)
    t.match(serverUrl(text), { ok: true, value: { href: wanted } })
  for (const text of ['', 'ftp://a', 'https://', 'https://a?b', 'https://a b'])
    t.equal(serverUrl(text).ok, false, text)
  const secret = serverUrl('https://user:secret@a.example')
  t.notMatch(secret.ok ? 'ok' : secret.failure, 'secret')
})
