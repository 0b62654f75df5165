import t from 'tap'
import { findings, pageTest } from '../../support/browser.ts'
import { stageJobs } from '../../support/page-jobs.ts'

t.setTimeout(900_000)

pageTest(
  t,
  'the overview says what runs, what waits and why, what failed and what comes',
  async (t, browser) => {
    const runner = await stageJobs(browser.server)
    await using _ = runner.alive()
    const tab = await browser.signedIn()
    const { page } = tab
    const section = (heading: string) =>
      page.locator('section').filter({ has: page.getByRole('heading', { name: heading, exact: true }) })
    await section('Running now').getByRole('link', { name: 'by-hand' }).waitFor()
    await section('Waiting').getByText('group nobody has no').waitFor()
    await section('Next by schedule').getByRole('link', { name: 'backup' }).waitFor()
    await section('Runners').getByRole('link', { name: 'one' }).waitFor()
    await page.locator('.chart canvas').waitFor()
    t.equal(await section('Failed in the last 24 hours').getByRole('link', { name: 'by-hand' }).count(), 2)
    t.same(await findings(tab), [])
    t.same(tab.problems, [])
  },
)

pageTest(t, 'a job is found, run, changed, paused and deleted', async (t, browser) => {
  const { server } = browser
  const runner = await stageJobs(server)
  await using _ = runner.alive()
  const tab = await browser.signedIn()
  const { page } = tab
  await page.goto(`${server.url}/jobs`)
  await page.getByRole('link', { name: 'by-hand', exact: true }).waitFor()
  t.same(await page.locator('.runs').allTextContents(), ['✓✗✓✓✗✓'])
  t.equal(
    await page.locator('.runs').getAttribute('title'),
    '4 of the latest 6 runs of by-hand succeeded; the last one: succeeded',
  )
  t.same(await findings(tab), [])
  await page.getByLabel('Name contains').fill('RE')
  await page.getByRole('button', { name: 'Filter' }).click()
  await page.getByRole('link', { name: 'by-hand', exact: true }).waitFor({ state: 'detached' })
  t.equal(new URL(page.url()).search, '?text=RE')
  await page.getByRole('button', { name: 'Run now: report' }).click()
  await page.getByText('A run of report is queued.').waitFor()
  await page.getByRole('link', { name: 'report', exact: true }).click()

  await page.getByRole('button', { name: 'Pause schedule' }).click()
  await page.getByText('❚❚ paused').waitFor()
  await page.getByRole('button', { name: 'Edit', exact: true }).click()
  const field = page.getByLabel('JSON of report')
  await field.fill((await field.inputValue()).replace('86400', '"often"'))
  await page.getByRole('button', { name: 'Save' }).click()
  await page.locator('#definition-complaint .problem').waitFor()
  t.equal(await field.getAttribute('aria-invalid'), 'true')
  t.same(await findings(tab), [])
  await field.fill((await field.inputValue()).replace('"often"', '43200'))
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Job report is saved.').waitFor()
  t.equal((await server.call('GET', '/v1/jobs/report')).json.schedule.every.seconds, 43_200)

  await page.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('heading', { name: 'Jobs' }).waitFor()
  t.equal((await server.call('GET', '/v1/jobs/report')).status, 404)
  t.same(tab.problems, [])
})

pageTest(t, 'a job is defined, and a text that is not saved outlives the session', async (t, browser) => {
  const { server } = browser
  const tab = await browser.signedIn()
  const { page } = tab
  await page.goto(`${server.url}/jobs`)
  await page.getByRole('button', { name: 'Define a job' }).click()
  await page.getByRole('dialog').getByLabel('Name').fill('fresh')
  await page.keyboard.press('Enter')
  const field = page.getByLabel('JSON of fresh')
  await field.fill((await field.inputValue()).replace('hello', 'written by hand'))
  t.same(await findings(tab), [])

  const sessions = (await server.call('GET', '/v1/browser-sessions')).json.items
  for (const { id } of sessions) await server.call('DELETE', `/v1/browser-sessions/${id}`)
  await page.getByLabel('Token').fill(server.token('admin'))
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('You had not saved this text.').waitFor()
  t.match(await field.inputValue(), 'written by hand')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Job fresh is saved.').waitFor()
  t.same((await server.call('GET', '/v1/jobs/fresh')).json.command, ['echo', 'written by hand'])
  const drafts = 'Object.keys(sessionStorage).filter(key => key.startsWith("runner-draft")).length'
  t.equal(await page.evaluate(drafts), 0)

  // A person who signs out leaves nothing for the next person at this browser.
  await page.getByRole('button', { name: 'Edit', exact: true }).click()
  await field.fill('{}')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByLabel('Token').waitFor()
  t.equal(await page.evaluate('sessionStorage.length'), 0)
  t.same(tab.problems, [])
})

pageTest(t, 'the calendar has what comes; a viewer cannot pause it', async (t, browser) => {
  const { server } = browser
  await stageJobs(server)
  const tab = await browser.signedIn()
  const { page } = tab
  await page.goto(`${server.url}/schedule`)
  await page.locator('.calendar').getByRole('link', { name: 'backup' }).first().waitFor()
  t.ok((await page.locator('.calendar').getByRole('link', { name: 'backup' }).count()) >= 6)
  t.same(await findings(tab), [])
  await page.getByRole('button', { name: 'Pause all' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Pause all' }).click()
  await page.getByText('3 of 3 schedules are paused').waitFor()
  await page.getByRole('button', { name: 'Resume all' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Resume all' }).click()
  await page.getByText('3 of 3 schedules are paused').waitFor({ state: 'detached' })
  t.same(tab.problems, [])

  const { json } = await server.call('POST', '/v1/tokens', { body: { kind: 'viewer', name: 'tom' } })
  const viewer = await browser.signedIn(json.token)
  for (const path of ['/schedule', '/jobs', '/jobs/report']) {
    await viewer.page.goto(`${server.url}${path}`)
    await viewer.page
      .getByRole('link', { name: /^(report|All executions of this job)$/ })
      .first()
      .waitFor()
    const buttons = await viewer.page.locator('main').getByRole('button').allTextContents()
    t.same(
      buttons.filter(text => text !== 'Filter'),
      [],
      `${path} has no buttons for a viewer`,
    )
  }
})
