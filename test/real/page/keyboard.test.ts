import type { Locator, Page } from 'playwright-core'
import t from 'tap'
import { pageTest } from '../../support/browser.ts'

const settings = { lease_seconds: 600, confirm_within_seconds: 600 }

/** Goes to an element by the tab key alone. */
async function to(page: Page, element: Locator): Promise<void> {
  await element.waitFor()
  for (let pressed = 0; pressed < 150; pressed++) {
    if (await element.evaluate(element => element === element.ownerDocument.activeElement)) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`the tab key does not lead to ${element}`)
}

/** Goes to an element, and types. */
async function at(page: Page, element: Locator, ...keys: string[]): Promise<void> {
  await to(page, element)
  for (const key of keys) await page.keyboard.press(key)
}

const focused = (page: Page) => page.evaluate<string>('document.activeElement.localName')

pageTest(
  t,
  'a person without a mouse filters, opens, reads, aborts, runs again and disables',
  async (t, browser) => {
    const { server } = browser
    const runner = await server.runner({ name: 'build-3' })
    await using _ = runner.alive()
    const { id } = await server.submit({ job_name: 'nightly' })
    const taken = await runner.begin()
    await runner.log(taken, 0, Array.from({ length: 5000 }, (_, n) => `line ${n} of the log\n`).join(''))
    await server.submit({ job_name: 'other', runner_group: 'nobody' })
    const { page, problems } = await browser.signedIn()
    const link = (name: string) => page.getByRole('link', { name, exact: true })
    const button = (name: string) => page.getByRole('button', { name, exact: true })

    await page.keyboard.press('Tab')
    t.equal(await page.evaluate('document.activeElement.textContent'), 'Skip to the content')
    await at(page, link('Executions'), 'Enter')
    await page.getByRole('heading', { name: 'Executions' }).waitFor()
    t.equal(await focused(page), 'main', 'another part begins at its beginning')
    await link('other').waitFor()
    await at(page, page.getByLabel('running'), 'Space')
    await to(page, page.getByRole('searchbox'))
    await page.keyboard.type('night')
    await page.keyboard.press('Enter')
    await link('other').waitFor({ state: 'detached' })
    t.equal(new URL(page.url()).search, '?state=running&text=night')
    t.equal(await focused(page), 'input', 'the focus stays where it was')
    await at(page, link('Clear'), 'Enter')
    await link('other').waitFor()

    await at(page, link(id.slice(0, 13)), 'Enter')
    await page.getByText('line 4999 of the log').waitFor()
    await to(page, page.getByLabel('Search the log'))
    await page.keyboard.type('line 2500 of')
    await page.keyboard.press('Enter')
    await page.locator('.marked').waitFor()
    t.match(await page.locator('.marked').textContent(), 'line 2500 of the log')
    const lines = page.getByRole('region', { name: 'Lines of the log' })
    await to(page, lines)
    const place = () => lines.evaluate((box): number => box.scrollTop)
    const before = await place()
    await page.keyboard.press('PageDown')
    while ((await place()) <= before) await page.waitForTimeout(20)

    await to(page, button('Abort'))
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    t.equal(await page.evaluate('document.activeElement.textContent'), 'Abort', 'and back')
    t.equal((await server.execution(id)).state, 'running')
    await page.keyboard.press('Enter')
    await at(page, page.getByRole('dialog').getByRole('button', { name: 'Abort' }), 'Enter')
    await page.getByText('It is being aborted').waitFor()
    await runner.result(taken, { outcome: 'aborted', exit_code: null, log_length: 108_890 })
    await page.getByText('It was aborted').waitFor()
    await at(page, button('Run again'), 'Enter')
    await at(page, page.getByRole('dialog').getByRole('button', { name: 'Run again' }), 'Enter')
    await page.getByText('this is the new execution').waitFor()
    t.not(new URL(page.url()).pathname, `/executions/${id}`)

    await at(page, link('Runners'), 'Enter')
    await at(page, link('build-3'), 'Enter')
    await at(page, button('Take out of service'), 'Enter')
    await at(page, page.getByRole('dialog').getByRole('button', { name: 'Take out of service' }), 'Enter')
    await page.getByText('disabled: it takes no jobs').waitFor()
    t.not(await focused(page), 'body', 'the focus is not lost')
    t.same(problems, [])
  },
  { settings },
)
