/* The connection of a page is cut, or its server is away, and comes back. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import t from 'tap'
import { type PageBrowser, pageTest, type Tab } from '../../support/browser.ts'
import { Cut } from '../../support/cut.ts'
import type { TestServer } from '../../support/server.ts'

const settings = { lease_seconds: 600, confirm_within_seconds: 600 }
const withoutWorker = 'delete globalThis.SharedWorker'
/** The time limit of a call goes by the page's clock, which a test can put forward. */
const limitByClock = `AbortSignal.timeout = ms => {
  const over = new AbortController()
  setTimeout(() => over.abort(new DOMException('', 'TimeoutError')), ms)
  return over.signal
}`

const lost = (page: Page) => page.getByText('The connection to the server was lost')
const stateOf = (page: Page, job: string, state: string) =>
  page.getByRole('row', { name: new RegExp(job) }).locator(`.state.${state}`)

/** Waits for an execution of nobody's group on a list. */
async function submitted(server: TestServer, page: Page, job_name: string): Promise<string> {
  const { id } = await server.submit({ runner_group: 'nobody', job_name })
  await stateOf(page, job_name, 'queued').waitFor()
  return id
}

const abort = (server: TestServer, id: string) => server.call('POST', `/v1/executions/${id}/abort`)

/** A tab that is signed in, behind a way that can be cut; with changes that it has followed. */
async function behind(browser: PageBrowser, cut: Cut, script = ''): Promise<Tab> {
  const tab = await browser.signedIn(undefined, {}, { script, url: cut.url })
  await tab.page.goto(`${cut.url}/executions`)
  return tab
}

pageTest(
  t,
  'a cut connection is told, and what has changed meanwhile is caught up with',
  async (t, browser) => {
    const { server } = browser
    await using cut = await Cut.to(Number(new URL(server.url).port))
    const runner = await server.runner()
    await using _ = runner.alive()
    const job = await server.submit({ job_name: 'grows' })
    const reservation = await runner.begin()
    await runner.log(reservation, 0, 'before\n')
    const { page, problems } = await behind(browser, cut)
    const id = await submitted(server, page, 'waits')
    const reader = await page.context().newPage()
    await reader.goto(`${cut.url}/executions/${job.id}`)
    await reader.getByText('before', { exact: true }).waitFor()

    cut.close()
    await Promise.all([lost(page).waitFor(), lost(reader).waitFor()])
    await abort(server, id)
    await runner.log(reservation, 7, 'meanwhile\n')
    await page.getByRole('button', { name: 'Filter' }).click()
    t.equal(await stateOf(page, 'waits', 'queued').count(), 1, 'what was shown stays')
    await reader.getByRole('button', { name: 'Beginning' }).click()
    await reader.locator('.log .problem').waitFor()
    await reader.getByRole('button', { name: 'Abort' }).click()
    await reader.getByRole('dialog').getByRole('button', { name: 'Abort' }).click()
    await reader.getByText('the page does not know whether it was done').waitFor()
    cut.open()
    await stateOf(page, 'waits', 'aborted').waitFor()
    await reader.getByText('meanwhile', { exact: true }).waitFor()
    await Promise.all([page, reader].map(one => lost(one).waitFor({ state: 'detached' })))
    await reader.locator('.log .problem').waitFor({ state: 'detached' })
    await submitted(server, page, 'afterwards')
    t.same(problems, [])
  },
  { settings },
)

pageTest(
  t,
  'a server that was killed comes back, and the page with it; also where the server has forgotten what has changed',
  async (t, browser) => {
    const { server } = browser
    // It comes back at the same address.
    const file = server.rig.path('runner.cfg')
    writeFileSync(file, readFileSync(file, 'utf8').replace('127.0.0.1:0', new URL(server.url).host))
    await using cut = await Cut.to(Number(new URL(server.url).port))
    const { page, problems } = await behind(browser, cut)
    const id = await submitted(server, page, 'waits')
    for (const forgets of [false, true]) {
      server.run.child.kill('SIGKILL')
      await server.run.ended
      await lost(page).waitFor()
      cut.close()
      await server.restart()
      // More things than the server tells of one by one: it answers `reset`.
      for (let count = 0; forgets && count < 1100; count += 50)
        await Promise.all(Array.from({ length: 50 }, () => server.submit({ runner_group: 'nobody' })))
      if (forgets) await server.submit({ runner_group: 'nobody', job_name: 'last' })
      else await abort(server, id)
      cut.open()
      await stateOf(page, forgets ? 'last' : 'waits', forgets ? 'queued' : 'aborted').waitFor()
      await lost(page).waitFor({ state: 'detached' })
    }
    // The page that a killed server had built from its sources.
    const { rig } = server
    for (const name of readdirSync(rig.path('tmp'))) rmSync(rig.path('tmp', name), { recursive: true })
    t.same(problems, [])
  },
  { settings },
)

pageTest(
  t,
  'a connection that falls silent is given up, and nothing hangs on it',
  async (t, browser) => {
    const { server } = browser
    await using cut = await Cut.to(Number(new URL(server.url).port))
    // Without a shared worker the page's own clock goes for the stream, too.
    const { page, problems } = await behind(browser, cut, `${withoutWorker}; ${limitByClock}`)
    await page.clock.install()
    await page.reload()
    const id = await submitted(server, page, 'waits')
    cut.silence()
    await abort(server, id)
    const asked = page.waitForRequest(/text=waits/)
    await page.getByLabel('Text').fill('waits')
    await page.getByRole('button', { name: 'Filter' }).click()
    await asked
    await page.clock.fastForward(29_000)
    t.equal(await page.getByText('The server cannot be reached').count(), 0)
    await page.clock.fastForward(2000)
    await page
      .getByText('The server cannot be reached. The page reads by itself again what it shows.')
      .waitFor()
    await page.clock.fastForward(15_000)
    await lost(page).waitFor()
    cut.open()
    await page.clock.fastForward(31_000)
    await stateOf(page, 'waits', 'aborted').waitFor()
    await lost(page).waitFor({ state: 'detached' })
    t.same(problems, [])
  },
  { settings },
)

pageTest(
  t,
  'a tab that nobody looks at reads nothing, and is right when somebody does',
  async (t, browser) => {
    const { server } = browser
    const { page, problems } = await browser.signedIn()
    await page.goto(`${server.url}/executions`)
    const id = await submitted(server, page, 'waits')
    const see = (isSeen: boolean) =>
      page.evaluate(
        `Object.defineProperty(document, 'hidden', { value: ${!isSeen}, configurable: true });
        document.dispatchEvent(new Event('visibilitychange'))`,
      )
    await see(false)
    const read: string[] = []
    page.on('request', request => read.push(new URL(request.url()).pathname))
    const other = await page.context().newPage()
    await other.goto(`${server.url}/executions`)
    await abort(server, id)
    await stateOf(other, 'waits', 'aborted').waitFor()
    for (let n = 0; n < 5; n++) await submitted(server, other, `more-${n}`)
    t.same(
      read.filter(path => path.startsWith('/v1/')),
      [],
    )
    await see(true)
    await stateOf(page, 'waits', 'aborted').waitFor()
    await stateOf(page, 'more-4', 'queued').waitFor()
    t.same(problems, [])
  },
  { settings },
)
