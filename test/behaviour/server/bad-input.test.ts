import { connect } from 'node:net'
import t from 'tap'
import { problemType } from '../../../src/protocol/problem.ts'
import { serverTest, TestRunner, type TestServer } from '../../support/server.ts'

const json = { 'content-type': 'application/json' }

/** Sends bytes as they are, and gives all that comes back until the server ends the connection. */
function speak(server: TestServer, text: string): Promise<string> {
  const { hostname, port } = new URL(server.url)
  return new Promise((resolve, reject) => {
    let heard = ''
    const socket = connect(Number(port), hostname, () => socket.write(text))
    socket.on('data', data => {
      heard += data
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(heard))
  })
}

serverTest(t, 'what cannot be understood is named, and changes nothing', {}, async (t, server) => {
  const runner = await server.runner()
  const before = (await server.call('GET', '/v1/executions')).text
  const post = (body: unknown, headers: Record<string, string> = json) =>
    server.call('POST', '/v1/executions', { body, headers })
  const uuid = '01a1feb4-e201-72bf-b819-ff304e3e3bd9'
  const malformed: [
    string,
    () => Promise<{ status: number; json: { type: string; detail: string } }>,
    RegExp,
  ][] = [
    ['half a JSON', () => post('{"image":'), /JSON/],
    ['an empty body', () => post(''), /empty/],
    ['no body', () => server.call('POST', '/v1/executions'), /body/],
    ['an array', () => post([]), /must be object/],
    ['an unknown field', () => post({ image: 'i', imgae: 'j' }), /"imgae"/],
    ['a wrong type', () => post({ image: 7 }), /image.*must be string/],
    ['a number as text', () => post({ image: 'i', priority: '7' }), /priority.*must be integer/],
    ['a prototype', () => post('{"image":"i","__proto__":{}}'), /./],
    ['an unknown query', () => server.call('GET', '/v1/executions?stat=queued'), /"stat"/],
    ['an unknown state', () => server.call('GET', '/v1/executions?state=done'), /done/],
    ['a limit of nothing', () => server.call('GET', '/v1/executions?limit=0'), /limit/],
    ['a query twice', () => server.call('GET', '/v1/executions?limit=1&limit=2'), /limit/],
    ['no id', () => server.call('GET', '/v1/executions/1'), /id/],
    ['a name with a slash', () => server.call('GET', '/v1/jobs/..%2f..%2fetc%2fpasswd'), /name/],
    ['a name of dots', () => server.call('PUT', '/v1/jobs/%2e%2e%2f', { body: { image: 'i' } }), /name/],
    ['half an escape', () => server.call('GET', '/v1/jobs/%zz'), /./],
    [
      'a body too many',
      () => server.call('POST', `/v1/executions/${uuid}/abort`, { body: { a: 1 } }),
      /no body/,
    ],
    [
      'no session',
      () =>
        runner.call('POST', `/v1/runners/${runner.id}/heartbeat`, {
          headers: { 'runner-session': 'x' },
          body: { state: 'ready', executions: [], executors: [], free_slots: 0 },
        }),
      /Runner-Session/,
    ],
    [
      'a key that is no key',
      () =>
        server.call('POST', '/v1/runners/register', {
          token: server.token('registration'),
          body: TestRunner.message({ public_key: 'x' }),
        }),
      /public_key/,
    ],
    ['a wait too long', () => runner.reserve(51), /wait_seconds/],
  ]
  for (const [title, ask, detail] of malformed) {
    const answer = await ask()
    t.equal(answer.status, 400, title)
    t.equal(answer.json.type, problemType('malformed'), title)
    t.match(answer.json.detail, detail, title)
    t.notMatch(JSON.stringify(answer.json), /node_modules|at .*\.ts:|FST_/, `${title} shows no inside`)
  }
  t.equal((await server.call('GET', '/v1/executions')).text, before)
  t.same((await server.call('GET', '/v1/jobs')).json, [])
})

serverTest(t, 'what is not there, and what cannot be done with it', {}, async (t, server) => {
  const missing = await server.call('GET', '/v2/jobs')
  t.match([missing.status, missing.json.type], [404, problemType('not-found')])
  const wrong = await server.call('PATCH', '/v1/jobs/a', { body: {} })
  t.match([wrong.status, wrong.json.type], [405, problemType('method-not-allowed')])
  t.equal(wrong.headers.get('allow'), 'PUT, GET, DELETE')
  const form = await server.call('POST', '/v1/executions', {
    body: 'image=i',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  t.match([form.status, form.json.type], [415, problemType('unsupported-media-type')])
  const long = await server.call('GET', `/v1/jobs/${'a'.repeat(1000)}`)
  t.match([long.status, long.json.type], [404, problemType('not-found')])
})

serverTest(t, 'what is too large is refused before it is read', {}, async (t, server) => {
  const runner = await server.runner()
  const large = ' '.repeat(70 * 1024)
  const beat = await runner.heartbeat({ executors: [{ image: 'x'.repeat(1024 * 1024), state: 'idle' }] })
  t.equal(beat.status, 413)
  const reserve = await runner.call('POST', `/v1/runners/${runner.id}/reserve`, {
    body: `{"slots":1,"wait_seconds":0}${large}`,
    headers: json,
  })
  t.match([reserve.status, reserve.json.type], [413, problemType('too-large')])
  const head =
    'POST /v1/executions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n'
  const promised = await speak(
    server,
    `${head}authorization: Bearer ${server.token('admin')}\r\ncontent-length: 99999999999\r\n\r\n`,
  )
  t.match(promised, /^HTTP\/1.1 413 /)
  const headers = await speak(server, `GET /health HTTP/1.1\r\nhost: x\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`)
  t.match(headers, /^HTTP\/1.1 431 /)
  t.match(headers, 'urn:runner:problem:headers-too-large')
  const garbage = await speak(server, '\x16\x03\x01\x00\x00')
  t.match(garbage, /^HTTP\/1.1 400 /)
  t.equal((await server.call('GET', '/health')).status, 200)
})

serverTest(
  t,
  'a client that never ends its request is ended, and others are served',
  {},
  async (t, server) => {
    const slow = speak(server, 'GET /health HTTP/1.1\r\nhost: x\r\nx-a: ')
    t.equal((await server.call('GET', '/health')).status, 200)
    t.match(await slow, /^HTTP\/1.1 408 [\s\S]*urn:runner:problem:request-timeout/)
  },
)
