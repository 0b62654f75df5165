/* Many tabs of one browser over plain HTTP/1.1, which allows six connections to a host. */
import { appendFileSync } from 'node:fs'
import t from 'tap'
import { attachOnHost } from '../../support/attached.ts'
import { another, type PageBrowser, pageTest, type Tab } from '../../support/browser.ts'

const settings = { lease_seconds: 60, confirm_within_seconds: 60 }
const count = 10

/** Attaches a runner, and runs jobs that print what is written into the file `say`, until they are aborted. */
async function talking({
  server,
}: PageBrowser): Promise<{ ids: string[]; say(text: string): void } & AsyncDisposable> {
  const { rig } = server
  const say = (text: string) => appendFileSync(rig.path('say'), `${text}\n`)
  say('begun')
  const runner = attachOnHost(server, 'one')
  const { runner_id } = await runner.event('runner:registered')
  await server.call('PATCH', `/v1/runners/${runner_id}`, { body: { capacity: count } })
  const command = ['tail', '-n', '+1', '-f', rig.path('say')]
  const body = { image: 'none', command, capabilities: ['host'] }
  const submitted = Array.from({ length: count }, () => server.submit(body))
  const ids = (await Promise.all(submitted)).map(({ id }) => id)
  return {
    ids,
    say,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(ids.map(id => server.call('POST', `/v1/executions/${id}/abort`)))
      await runner.stop()
    },
  }
}

/** Opens a tab of one profile for each execution. */
async function tabsOf(browser: PageBrowser, first: Tab, ids: readonly string[]): Promise<Tab[]> {
  const tabs = [first]
  while (tabs.length < ids.length) tabs.push(await another(first))
  await Promise.all(
    tabs.map(({ page }, index) => page.goto(`${browser.server.url}/executions/${ids[index]}`)),
  )
  return tabs
}

const heard = (tabs: readonly Tab[], text: string) =>
  Promise.all(tabs.map(({ page }) => page.locator('.lines').getByText(text, { exact: true }).waitFor()))

const streams = async ({ server }: PageBrowser): Promise<number> =>
  Number(/connections\{kind="event-reader"\} (\d+)/.exec((await server.call('GET', '/metrics')).text)?.[1])

pageTest(
  t,
  'ten tabs follow ten logs through one event stream, and answer clicks',
  async (t, browser) => {
    await using jobs = await talking(browser)
    const tabs = await tabsOf(browser, await browser.signedIn(), jobs.ids)
    await heard(tabs, 'begun')
    t.equal(await streams(browser), 1)
    for (const text of ['one more', 'and another']) {
      jobs.say(text)
      await heard(tabs, text)
    }
    for (const { page } of tabs) {
      await page.bringToFront()
      await page.getByRole('button', { name: 'Abort' }).click()
      await page.getByRole('dialog').getByRole('button', { name: 'Abort' }).click()
    }
    await Promise.all(tabs.map(({ page }) => page.getByText('It was aborted').waitFor()))
    t.equal(await streams(browser), 1)
    t.same(
      tabs.flatMap(({ problems }) => problems),
      [],
    )

    // The first tab has no advantage over the others.
    await tabs.shift()!.page.close()
    const { id } = await browser.server.submit({ runner_group: 'nobody', job_name: 'late' })
    await tabs[0]!.page.getByRole('link', { name: 'Executions' }).click()
    await tabs[0]!.page.getByRole('link', { name: id.slice(0, 13) }).waitFor()
    await browser.server.call('POST', `/v1/executions/${id}/abort`)
    await tabs[0]!.page.getByRole('row', { name: /late/ }).getByText('aborted').waitFor()
    for (const { page } of tabs) await page.close()
    while ((await streams(browser)) > 0) await new Promise(resolve => setTimeout(resolve, 50))
    t.pass('without a tab there is no stream')
  },
  { settings },
)

pageTest(
  t,
  'without shared workers one tab reads for all, and another one follows it',
  async (t, browser) => {
    await using jobs = await talking(browser)
    const first = await browser.signedIn(undefined, {}, { script: 'delete globalThis.SharedWorker' })
    const tabs = await tabsOf(browser, first, jobs.ids)
    t.equal(await first.page.evaluate('typeof SharedWorker'), 'undefined')
    await heard(tabs, 'begun')
    t.equal(await streams(browser), 1)
    jobs.say('one more')
    await heard(tabs, 'one more')
    // The first tab has the lock.
    await tabs.shift()!.page.close()
    jobs.say('by another tab')
    await heard(tabs, 'by another tab')
    t.equal(await streams(browser), 1)
    t.same(
      tabs.flatMap(({ problems }) => problems),
      [],
    )
  },
  { settings },
)
