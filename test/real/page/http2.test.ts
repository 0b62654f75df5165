import t from 'tap'
import { pageTest } from '../../support/browser.ts'
import { Authority } from '../../support/certificates.ts'
import { program } from '../../support/require.ts'
import type { StoreKind } from '../../support/server.ts'

const behindTls: StoreKind = {
  name: 'TLS',
  needs: [program('openssl')],
  open: async rig => {
    const { certFile, keyFile } = new Authority(rig.dir).issue('server', 'IP:127.0.0.1')
    return { keys: { tls_cert_file: certFile, tls_key_file: keyFile }, close: async () => {} }
  },
}

/** The protocols by which a page and its calls came. */
const protocols = `[...new Set([
  ...performance.getEntriesByType('navigation'),
  ...performance.getEntriesByType('resource'),
].map(({ nextHopProtocol }) => nextHopProtocol))]`

pageTest(
  t,
  'over TLS the page, its calls and its changes come over HTTP/2',
  async (t, browser) => {
    const { server } = browser
    const { page, problems } = await browser.tab({ ignoreHTTPSErrors: true })
    await page.goto(`${server.url}/executions`)
    await page.getByLabel('Token').fill(server.token('admin'))
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('Nothing has run yet').waitFor()
    t.same(await page.evaluate(protocols), ['h2'])
    const [cookie] = await page.context().cookies()
    t.match(cookie, { secure: true, httpOnly: true, sameSite: 'Strict' })

    const { request } = page.context()
    const headers = { authorization: `Bearer ${server.token('admin')}` }
    const streams = async () => {
      const metrics = await (await request.get(`${server.url}/metrics`, { headers })).text()
      return Number(/connections\{kind="event-reader"\} (\d+)/.exec(metrics)?.[1])
    }
    while ((await streams()) !== 1) await new Promise(resolve => setTimeout(resolve, 50))
    const data = { image: 'none', job_name: 'late', runner_group: 'nobody' }
    const answer = await request.post(`${server.url}/v1/executions`, { headers, data })
    t.equal(answer.status(), 201)
    await page.getByRole('row', { name: /late/ }).waitFor()
    await page.reload()
    await page.getByRole('row', { name: /late/ }).waitFor()
    t.same(await page.evaluate(protocols), ['h2'], 'with what the browser has kept')
    t.same(problems, [])
  },
  { stores: [behindTls] },
)
