import t from 'tap'
import { Attached } from '../../support/attached.ts'
import { findings, pageTest } from '../../support/browser.ts'

/** Buttons that change nothing on the server. */
const harmless = new Set(['Copy', 'Filter', 'Show more'])

pageTest(t, 'an operator looks after the runners', async (t, browser) => {
  const { server } = browser
  const { rig } = server
  const tab = await browser.signedIn()
  const { page } = tab
  await page.getByRole('link', { name: 'Runners' }).click()
  await page.getByText('No runner is attached').waitFor()
  t.match(await page.locator('.command').textContent(), `runner attach --server ${server.url}`)
  t.same(await findings(tab), [])

  rig.configure(
    {},
    `[remote]
url = ${server.url}
name = build-3
token_file = ${rig.path('state', 'server', 'registration.token')}
[executor]
docker_host = unix:///nowhere.sock`,
  )
  const runner = new Attached(rig.start(['attach', '--json'], { lasting: true }))
  try {
    await page.getByRole('link', { name: 'build-3' }).click()
    await page.getByText('starts no jobs').waitFor()
    t.match(await page.locator('main').textContent(), /nowhere\.sock|busybox is needed/, 'and why')
    t.same(await findings(tab), [])

    await page.getByRole('button', { name: 'Take out of service' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Take out of service' }).click()
    await page.getByText('disabled: it takes no jobs').waitFor()

    const taint = '<img src=x onerror=alert(1)>'
    // By the keyboard alone.
    await page.getByRole('button', { name: 'Set taints' }).focus()
    await page.keyboard.press('Enter')
    await page.keyboard.type(`maintenance, ${taint}`)
    await page.keyboard.press('Enter')
    await page.locator('.notice.failed').waitFor()
    const [{ taints, enabled }] = (await server.call('GET', '/v1/runners')).json.items
    t.same([enabled, taints], [false, []], 'what the server refuses is said, and not done')

    await page.setViewportSize({ width: 320, height: 700 })
    await page.emulateMedia({ colorScheme: 'dark' })
    t.same(await findings(tab), [], 'on a small screen in the dark too')
    t.ok(
      await page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth'),
      'nothing scrolls sideways',
    )
    await page.setViewportSize({ width: 1280, height: 800 })

    await page.getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('button', { name: 'Allow it again' }).waitFor()
    t.equal((await server.call('GET', '/v1/runners')).json.items[0].deleted, true)
  } finally {
    runner.run.child.kill('SIGTERM')
    await runner.run.ended
  }
  t.same(tab.problems, [])
})

pageTest(t, 'an administrator makes and revokes tokens, and reads who did what', async (t, browser) => {
  const { server } = browser
  const tab = await browser.signedIn()
  const { page } = tab
  await page.getByRole('link', { name: 'Tokens' }).click()
  await page.getByRole('button', { name: 'Make a token' }).click()
  t.same(await findings(tab), [], 'with the dialog open')
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name', { exact: true }).fill('ann')
  await dialog.getByLabel('Kind').selectOption('viewer')
  await dialog.getByLabel('Namespaces').fill('default, web')
  await dialog.getByRole('button', { name: 'Make a token' }).click()
  const text = await page.locator('.secret code').textContent()
  const { name, namespaces } = (await server.call('GET', '/v1/whoami', { token: text! })).json
  t.same({ name, namespaces }, { name: 'ann', namespaces: ['default', 'web'] })
  await page.getByRole('button', { name: 'Hide it' }).click()
  t.same(await findings(tab), [])

  const viewer = await browser.signedIn(text!)
  for (const path of ['/runners', '/notifications', '/executions', '/tokens', '/audit', '/about']) {
    await viewer.page.goto(`${server.url}${path}`)
    await viewer.page.locator('main h1').waitFor()
    const buttons = await viewer.page.locator('main button').allTextContents()
    t.same(
      buttons.filter(text => !harmless.has(text)),
      [],
      `a viewer changes nothing on ${path}`,
    )
  }
  await viewer.page.getByRole('link', { name: 'Runners' }).waitFor()
  t.equal(await viewer.page.getByRole('link', { name: 'Audit log' }).count(), 0)

  await viewer.page.close()

  await page.reload()
  await page.getByText('(this browser)').waitFor()
  t.same(await findings(tab), [])
  await page.getByRole('button', { name: 'Sign out ann' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click()
  await page.getByText('A browser of ann is signed out.').waitFor()
  t.equal((await server.call('GET', '/v1/browser-sessions')).json.items.length, 1)

  await page.getByRole('button', { name: 'Revoke ann' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click()
  await page.getByText('Token ann is revoked.').waitFor()
  t.equal((await server.call('GET', '/v1/whoami', { token: text! })).status, 401)

  await page
    .getByRole('row', { name: /server admin/ })
    .getByRole('button')
    .click()
  await page.getByRole('dialog').getByText('this browser too').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()

  const job = { image: 'busybox', command: ['true'] }
  await server.call('PUT', '/v1/jobs/nightly', { body: job })
  await page.getByRole('link', { name: 'Audit log' }).click()
  await page.getByRole('cell').getByRole('link', { name: 'nightly' }).click()
  await page.getByRole('heading', { name: 'nightly' }).waitFor()
  await page.goBack()
  await page.getByLabel('Call').fill('revokeToken')
  await page.getByRole('button', { name: 'Filter' }).click()
  await page.getByText('Show it').click()
  t.match(await page.locator('td details').textContent(), 'ann')
  t.same(await findings(tab), [])
  t.same([...tab.problems, ...viewer.problems], [])
})
