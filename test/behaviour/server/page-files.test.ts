import { existsSync } from 'node:fs'
import { type IncomingHttpHeaders, request } from 'node:http'
import t from 'tap'
import { serverTest } from '../../support/server.ts'

/** The policy of the contract, word for word. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"

interface Answer {
  status: number
  headers: IncomingHttpHeaders
  bytes: Buffer
}

/** Asks for a path as it is written: a client that follows the rules would resolve its dots. */
function ask(
  url: string,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const call = request({ hostname, port, path, method, headers, agent: false }, response => {
      const chunks: Buffer[] = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, bytes: Buffer.concat(chunks) }),
      )
    })
    call.on('error', reject)
    call.end()
  })
}

const html = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

serverTest(t, 'browsers get the page and its files without a token', {}, async (t, server) => {
  const { url } = server
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    ask(url, path, headers, method)
  const index = await get('/', html)
  const text = index.bytes.toString()
  const asset = /"(\/assets\/[^"]+\.js)"/.exec(text)![1]!

  await t.test('the page, under every path that is no call', async t => {
    t.match(index, { status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } })
    t.equal((await get('/')).status, 200, 'the root, whatever the client wants')
    for (const path of ['/executions', '/executions/0190?x=1', '/jobs/a%2Fb', '/v1x', '/index.html', '/a.b'])
      t.equal((await get(path, html)).bytes.toString(), text, path)
    for (const path of ['/v1', '/v1/', '/v1/nothing', '/assets/nothing.js', '/assets/'])
      t.equal((await get(path, html)).status, 404, path)
    for (const path of ['/executions', '/favicon.ico']) t.equal((await get(path)).status, 404, path)
    t.match(await get('/health', html), { status: 200, headers: { 'content-type': /json/ } })
    t.equal((await get('/metrics', html)).status, 401)
    t.equal((await get('/executions', html, 'POST')).status, 404)
  })

  await t.test('what browsers may do with it, and how long they keep it', async t => {
    for (const { headers } of [index, await get(asset)])
      t.match(headers, {
        'content-security-policy': policy,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
      })
    t.equal(index.headers['cache-control'], 'no-cache')
    t.match((await get(asset)).headers, {
      'cache-control': 'public, max-age=31536000, immutable',
      'content-type': 'text/javascript; charset=utf-8',
    })
    const etag = index.headers.etag!
    const known = await get('/', { ...html, 'if-none-match': `"other", ${etag}` })
    t.match(known, {
      status: 304,
      bytes: Buffer.alloc(0),
      headers: { etag, 'content-security-policy': policy },
    })
    t.equal((await get('/', { ...html, 'if-none-match': '"other"' })).status, 200)
  })

  await t.test('compressed, as the browser takes it', async t => {
    const plain = (await get(asset)).bytes
    const encoded = async (accepted: string) => {
      const { headers, bytes } = await get(asset, { 'accept-encoding': accepted })
      t.equal(headers.vary, 'accept-encoding', accepted)
      t.equal(Number(headers['content-length']), bytes.length)
      const decoded = await new Response(
        new Blob([new Uint8Array(bytes)]).stream().pipeThrough(decoder(headers['content-encoding'])),
      ).arrayBuffer()
      t.ok(Buffer.from(decoded).equals(plain), accepted)
      return headers['content-encoding']
    }
    t.equal(await encoded('gzip, deflate, br'), 'br')
    t.equal(await encoded('gzip;q=1.0, br;q=0'), 'gzip')
    t.equal(await encoded('GZIP'), 'gzip')
    t.equal(await encoded('deflate'), undefined)
    t.equal(await encoded('gzip;q=0'), undefined)
    t.equal(await encoded(',;=,q'), undefined)
  })

  await t.test('HEAD says what GET would', async t => {
    const head = await get(asset, {}, 'HEAD')
    const full = await get(asset)
    t.equal(head.bytes.length, 0)
    t.equal(head.headers['content-length'], full.headers['content-length'])
    t.equal((await get('/', html, 'HEAD')).status, 200)
  })

  await t.test('no path leads out of the directory of the page', async t => {
    t.ok(existsSync('/etc/passwd'))
    for (const path of [
      '/assets/../../etc/passwd',
      '/assets/../../../../../../../../etc/passwd',
      '/assets/%2e%2e/%2e%2e/%2e%2e/etc/passwd',
      '/assets/..%2f..%2f..%2fetc%2fpasswd',
      '/assets/..%5c..%5cetc%5cpasswd',
      '/assets//etc/passwd',
      '/assets/%00',
      '/assets/../../../package.json',
      '/%',
      '/assets/%',
      '//etc/passwd',
      '/../package.json',
      '/assets/__proto__',
      '/__proto__',
    ]) {
      const { status, bytes } = await get(path)
      t.ok(status === 404 || status === 400, `${path} ${status}`)
      t.notMatch(bytes.toString(), /root:|"dependencies"/, path)
    }
  })
})

/** The stream that undoes an encoding of HTTP. */
function decoder(encoding: string | undefined) {
  if (encoding === undefined) return new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>()
  return new DecompressionStream(encoding === 'br' ? ('brotli' as 'gzip') : 'gzip')
}
