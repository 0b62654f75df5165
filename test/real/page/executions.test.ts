import type { Page } from 'playwright-core'
import t from 'tap'
import { sizeText } from '../../../src/web/texts.ts'
import { findings, pageTest } from '../../support/browser.ts'
import type { TestRunner, TestServer } from '../../support/server.ts'

const settings = { lease_seconds: 600, confirm_within_seconds: 600 }
const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => `line ${index + 1} of the log\n`).join('')

/** Runs a job that writes a log; without a result it goes on. */
async function running(server: TestServer, runner: TestRunner, log: string | Uint8Array, body = {}) {
  const { id } = await server.submit(body)
  const reservation = await runner.begin()
  const bytes = Buffer.from(log)
  await runner.log(reservation, 0, bytes)
  const end = (result: Record<string, unknown>) =>
    runner.result(reservation, { log_length: bytes.length, ...result })
  return { id, reservation, end, length: bytes.length }
}

/** The first line of the log that is seen, and where it is. */
const firstSeen = (page: Page) =>
  page.locator('.lines').evaluate(box => {
    const { top } = box.getBoundingClientRect()
    const line = [...box.children].find(line => line.getBoundingClientRect().bottom > top)
    return [line?.getAttribute('data-at'), Math.round((line?.getBoundingClientRect().top ?? 0) - top)]
  })

pageTest(
  t,
  'executions are filtered by the address, and one shows its end, its attempts and its log',
  async (t, browser) => {
    const { server } = browser
    const runner = await server.runner()
    await using _alive = runner.alive()
    const hostile =
      '\x1b[31mred\x1b[0m\n<img src=x onerror=alert(1)>\n\x1b]0;title\x07\x1b[2Jafter\n\u202ebidi\n'
    const bytes = Buffer.concat([
      Buffer.from(hostile),
      Buffer.from([0xff, 0x0a]),
      Buffer.alloc(1_000_000, 'x'),
    ])
    const job = await running(server, runner, bytes, { image: '<b>markup</b>', job_name: 'hostile' })
    await job.end({ outcome: 'failed', exit_code: 3 })
    for (let n = 0; n < 102; n++) await server.submit({ image: 'other' })
    const tab = await browser.signedIn()
    const { page } = tab
    await page.goto(`${server.url}/executions`)
    await page.getByRole('link', { name: 'Older' }).click()
    await page.getByRole('link', { name: 'Newest' }).waitFor()
    await page.getByRole('link', { name: 'hostile' }).waitFor()
    t.equal(await page.locator('tbody tr').count(), 3)
    await page.getByLabel('failed').check()
    await page.getByRole('searchbox').fill('MARKUP')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.getByRole('link', { name: 'Clear' }).waitFor()
    t.equal(new URL(page.url()).search, '?state=failed&text=MARKUP')
    t.same(await findings(tab), [])

    await page.getByRole('link', { name: job.id.slice(0, 13) }).click()
    await page.getByText('It ended with status 3').waitFor()
    await page.getByRole('button', { name: 'Beginning' }).click()
    await page.locator('.ansi-red-fg').waitFor()
    const texts = await page.locator('.line .text').allTextContents()
    t.same(texts.slice(0, 5), ['red', '<img src=x onerror=alert(1)>', 'after', '\\u202ebidi', '\ufffd'])
    t.equal(await page.locator('.lines img').count(), 0)
    t.same(await findings(tab), [])

    await page.getByRole('button', { name: 'Run again' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Run again' }).click()
    await page.getByText('this is the new execution').waitFor()
    t.not(new URL(page.url()).pathname, `/executions/${job.id}`)
    await page.getByRole('button', { name: 'Abort' }).click()
    t.same(await findings(tab), [])
    await page.getByRole('dialog').getByRole('button', { name: 'Abort' }).click()
    await page.getByText('It was aborted').waitFor()
    t.same(tab.problems, [])
  },
  { settings },
)

pageTest(
  t,
  'a log is followed at its end, stays where somebody reads, and is searched and linked',
  async (t, browser) => {
    const { server } = browser
    const runner = await server.runner()
    await using _alive = runner.alive()
    const job = await running(server, runner, numbered(20_000))
    const viewer = await server.call('POST', '/v1/tokens', { body: { kind: 'viewer', name: 'tom' } })
    const tab = await browser.signedIn(viewer.json.token)
    const { page } = tab
    await page.goto(`${server.url}/executions/${job.id}`)
    await page.getByText('line 20000 of the log').waitFor()
    t.equal(await page.getByRole('button', { name: 'Abort' }).count(), 0, 'a viewer changes nothing')
    await runner.log(job.reservation, job.length, 'one more\n')
    await page.getByText('one more').waitFor()

    await page.locator('.lines').evaluate(box => box.scrollTo(0, 5000))
    await page.getByRole('button', { name: 'Follow the end', pressed: false }).waitFor()
    const before = await firstSeen(page)
    await runner.log(job.reservation, job.length + 9, 'another\n'.repeat(20_000))
    await page.getByText(sizeText(job.length + 9 + 160_000)).waitFor()
    t.same(await firstSeen(page), before, 'nothing moves while somebody reads')

    await page.getByLabel('Times').check()
    await page.locator('.stamp[datetime]').first().waitFor()
    t.match(await page.locator('.stamp').first().getAttribute('title'), / UTC$/)
    t.same(await firstSeen(page), before, 'nothing moves while times come')

    await page.getByLabel('Search the log').fill('LINE 10000 of')
    await page.getByRole('button', { name: 'Search', exact: true }).click()
    await page.locator('.marked').waitFor()
    t.match(await page.locator('.marked').textContent(), 'line 10000 of the log')
    await page.getByText('1 of 1').waitFor()
    await page.reload()
    await page.locator('.marked').waitFor()
    t.match(await page.locator('.marked').textContent(), 'line 10000 of the log', 'the address has the place')
    t.ok((await page.locator('.line').count()) <= 3000)
    t.same(await findings(tab), [])
    t.same(tab.problems, [])
  },
  { settings },
)

// Both together take longer on a busy machine than one server is given.
t.setTimeout(1_800_000)
