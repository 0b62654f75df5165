import t from 'tap'
import { findings, pageTest } from '../../support/browser.ts'
import { stageJobs } from '../../support/page-jobs.ts'

pageTest(
  t,
  'a submitter runs jobs, sees what it has asked for, and no complaint of rights',
  async (t, browser) => {
    const { server } = browser
    const runner = await stageJobs(server)
    await using _ = runner.alive()
    const { json } = await server.call('POST', '/v1/tokens', { body: { kind: 'submitter', name: 'ci' } })
    const tab = await browser.signedIn(json.token)
    const { page } = tab
    const refused: string[] = []
    page.on('response', response => {
      if (response.status() >= 400) refused.push(`${response.status()} ${response.url()}`)
    })
    const parts = page.getByRole('navigation', { name: 'Parts of the page' }).getByRole('link')
    t.same(await parts.allTextContents(), ['Overview', 'Executions', 'Jobs', 'About'])
    await page.getByText('Nothing runs').waitFor()
    t.same(await findings(tab), [])
    await parts.getByText('Executions').click()
    await page.getByText('has asked for no execution yet').waitFor()
    t.same(await findings(tab), [])
    await page.getByRole('link', { name: 'Run a job' }).click()
    t.same(await findings(tab), [])
    await page.getByLabel('Name of the job').fill('report')
    await page.getByRole('button', { name: 'Run now' }).click()
    await page.getByText('this is its execution').waitFor()
    const taken = await runner.begin()
    await runner.log(taken, 0, 'it reports\n')
    await page.getByText('it reports', { exact: true }).waitFor()
    await page.getByText('It runs on one').waitFor()
    t.equal(await page.getByRole('button', { name: 'Abort' }).count(), 0)
    t.same(await findings(tab), [])
    await page.locator('main').getByRole('link', { name: 'report' }).click()
    t.equal(await page.getByLabel('Name of the job').inputValue(), 'report')
    await page.getByRole('link', { name: 'Its executions' }).click()
    await page.locator('tbody').getByText('running').waitFor()
    t.equal(await page.locator('tbody tr').count(), 1)
    for (const path of [
      '/schedule',
      '/runners',
      `/runners/${runner.id}`,
      '/notifications',
      '/tokens',
      '/audit',
    ]) {
      await page.goto(`${server.url}${path}`)
      await page.getByText('sees only the executions that it has asked for').waitFor()
    }
    await page.goto(`${server.url}/about`)
    await page.getByText('with the rights of submitter').waitFor()
    t.same(refused, [], 'it asks for nothing that it may not have')

    await page.goto(`${server.url}/jobs`)
    await page.getByLabel('Name of the job').fill('nothing')
    await page.getByRole('button', { name: 'Run now' }).click()
    await page.locator('.notice.failed').getByText('nothing').waitFor()
    t.same(tab.problems, [])
  },
)
