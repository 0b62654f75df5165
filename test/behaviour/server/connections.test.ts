import t from 'tap'
import { fewFiles, post, raw, speak } from '../../support/raw-connections.ts'
import { serverTest } from '../../support/server.ts'
import { stores } from '../../support/stores.ts'

serverTest(
  t,
  'a flood of silent connections ends neither a wait for work nor a command channel',
  { before: fewFiles },
  async (t, server) => {
    const runner = await server.runner()
    const { events } = await runner.channel()
    const reserved = runner.reserve(30)
    for (let count = 0; count < 150; count++) await raw(server)
    await server.call('PATCH', `/v1/runners/${runner.id}`, { body: { enabled: false } })
    t.ok(await events.next('disable'))
    await server.call('PATCH', `/v1/runners/${runner.id}`, { body: { enabled: true } })
    t.ok(await events.next('enable'))
    const { id } = await server.submit()
    const answer = await reserved
    t.equal(answer.json.executions[0].execution_id, id)
    events.close()
  },
)

serverTest(t, 'a refused request does not go on coming', {}, async (t, server) => {
  for (const length of ['content-length: 1000000', 'transfer-encoding: chunked']) {
    let drips: NodeJS.Timeout | undefined
    const heard = await speak(server, post('rnr_admin_wrong', length), socket => {
      drips ??= setInterval(() => socket.write(length.startsWith('content') ? 'x' : '1\r\nx\r\n'), 50)
    })
    clearInterval(drips)
    t.match(heard, /^HTTP\/1\.1 401 [\s\S]*connection: close[\s\S]*urn:runner:problem:bad-token/i)
  }
  const get = await speak(server, 'GET /health HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n')
  t.match(get, /^HTTP\/1\.1 200 [\s\S]*connection: close/i)
})

serverTest(
  t,
  'a body is asked for only when the token is good and the body not too large',
  {},
  async (t, server) => {
    const expect = 'expect: 100-continue'
    const refused = await speak(server, post('rnr_admin_wrong', 'content-length: 20', expect))
    t.match(refused, /^HTTP\/1\.1 401 /)
    const large = await speak(server, post(server.token('admin'), 'content-length: 99999999', expect))
    t.match(large, /^HTTP\/1\.1 413 /)
    const text = JSON.stringify({ image: 'img' })
    const headers = [`content-length: ${text.length}`, expect, 'connection: close']
    const taken = await speak(server, post(server.token('admin'), ...headers), (socket, heard) => {
      if (heard === 'HTTP/1.1 100 Continue\r\n\r\n') socket.write(text)
    })
    t.match(taken, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /)
  },
)

serverTest(
  t,
  'the description of the calls is the same text each time, and has a tag',
  {},
  async (t, server) => {
    const [one, two] = [
      await server.call('GET', '/openapi.json'),
      await server.call('GET', '/openapi.json?pretty'),
    ]
    t.same(one.json, two.json)
    t.match(two.text, /^\{\n {2}"openapi"/)
    const etag = one.headers.get('etag')!
    const again = (query: string) =>
      server.open('GET', `/openapi.json${query}`, { headers: { 'if-none-match': etag } })
    const same = await again('')
    t.match([same.status, await same.text()], [304, ''])
    const other = await again('?pretty')
    t.match([other.status, (await other.text()) === two.text], [200, true])
  },
)

serverTest(t, 'a NUL in a path or a query is refused', { stores }, async (t, server) => {
  const id = '01a1feb4-e201-72bf-b819-ff304e3e3bd9'
  const paths = [
    ...['executions', 'runners', 'groups', 'tokens'].map(list => `/v1/${list}?after=a%00b`),
    '/v1/executions?group=%00',
    '/v1/executions?job_name=a%00',
    '/v1/executions?state=queued%00',
    `/v1/jobs/a%00`,
    `/v1/groups/%00`,
    `/v1/executions/${id}%00`,
    `/v1/executions/${id}/log?offset=1%00`,
    '/v1/executions?a%00=1',
    '/health?pretty=%00',
  ]
  for (const path of paths) {
    const answer = await server.call('GET', path)
    t.match([answer.status, answer.json.type], [400, 'urn:runner:problem:malformed'], path)
  }
  const body = {
    image: 'a',
    input: { task: { type: 'a.B\0', properties: [{ name: '\0', value: '\0\ud800' }] } },
  }
  t.equal(
    (await server.call('POST', '/v1/executions', { body })).status,
    201,
    'what is not searched for may have one',
  )
})
