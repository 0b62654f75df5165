import t from 'tap'
import { another, findings, pageTest } from '../../support/browser.ts'

pageTest(t, 'somebody signs in, in every tab, and out', async (t, browser) => {
  const { server } = browser
  const first = await browser.tab()
  const { page } = first
  await page.goto(`${server.url}/executions?state=failed`)
  await page.getByLabel('Token').fill('rnr_admin_nobody')
  await page.getByRole('button', { name: 'Sign in' }).click()
  t.match(await page.getByRole('alert').textContent(), /token/, 'it says why a token is not taken')
  t.same(await findings(first), [])

  await page.getByLabel('Token').fill(` ${server.token('admin')} `)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Executions' }).waitFor()
  t.equal(new URL(page.url()).search, '?state=failed', 'the address stays')
  t.same(await findings(first), [])

  const second = await another(first)
  await second.page.goto(`${server.url}/executions`)
  await second.page.getByRole('heading', { name: 'Executions' }).waitFor()
  t.pass('a second tab asks the first for the key')

  // Another program on this host may get the cookie, but not the key.
  await second.page.evaluate("sessionStorage.setItem('runner-key', 'of another page')")
  await second.page.getByRole('link', { name: 'Jobs' }).click()
  await second.page.getByLabel('Token').waitFor()
  t.match(
    await second.page.getByRole('alert').textContent(),
    /key/,
    'a wrong key ends the session of the tab',
  )
  await page.getByRole('link', { name: 'Jobs' }).click()
  await page.getByRole('heading', { name: 'Jobs' }).waitFor()

  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByLabel('Token').waitFor()
  await second.page.reload()
  await second.page.getByLabel('Token').waitFor()
  t.pass('the session is over in every tab')
  t.same([...first.problems, ...second.problems], [])
})

pageTest(t, 'a printed link signs in once, and leaves no code behind', async (t, browser) => {
  const { server } = browser
  const { json } = await server.call('POST', '/v1/browser-codes')
  const link = `${server.url}/#code=${json.code}`
  const tab = await browser.tab()
  await tab.page.goto(link)
  await tab.page.locator('.shell').waitFor()
  t.equal(tab.page.url(), `${server.url}/`)

  const other = await browser.tab()
  await other.page.goto(link)
  t.match(await other.page.getByRole('alert').textContent(), /code/)
  t.same([...tab.problems, ...other.problems], [])
})

pageTest(
  t,
  'a session that the server has ended asks for a token again, in every open tab',
  async (t, browser) => {
    const { server } = browser
    const made = await server.call('POST', '/v1/tokens', { body: { kind: 'viewer', name: 'tom' } })
    const first = await browser.signedIn(made.json.token)
    t.match(await first.page.locator('.who').textContent(), 'tom (viewer)')
    const second = await another(first)
    await second.page.goto(`${server.url}/executions?state=failed`)
    await second.page.getByText('No execution fits').waitFor()
    const tabs = [first, second]
    await server.call('DELETE', `/v1/tokens/${made.json.id}`)
    // Nobody touches the page.
    for (const { page } of tabs) t.match(await page.getByRole('alert').textContent(), /sign in again/)
    t.same(await findings(first), [])
    await first.page.getByLabel('Token').fill(server.token('admin'))
    await first.page.getByRole('button', { name: 'Sign in' }).click()
    for (const { page } of tabs) await page.locator('.who').getByText('(admin)').waitFor()
    t.equal(new URL(second.page.url()).search, '?state=failed', 'each where it was')
    await second.page.getByRole('link', { name: 'Clear' }).click()
    await server.submit({ job_name: 'late', runner_group: 'nobody' })
    await second.page.getByRole('row', { name: /late/ }).waitFor()

    await second.page.getByRole('button', { name: 'Sign out' }).click()
    await first.page.getByText('You have signed out in another tab').waitFor()
    t.same(
      tabs.flatMap(({ problems }) => problems),
      [],
    )
  },
)
