/*
 * Every part of the page, in light and dark, on a wide and on a small screen. RUNNER_TEST_PICTURES=1 draws the pictures of
 * docs/pictures/page anew.
 */
import { mkdirSync } from 'node:fs'
import t from 'tap'
import { findings, pageTest } from '../../support/browser.ts'
import { stageJobs } from '../../support/page-jobs.ts'

const pictures = 'docs/pictures/page'
const draws = process.env.RUNNER_TEST_PICTURES === '1'

const screens = [
  { width: 1280, height: 800 },
  { width: 320, height: 640 },
] as const

pageTest(t, 'every part can be read in light and dark, on every screen', async (t, browser) => {
  const { server } = browser
  const runner = await stageJobs(server)
  await using _ = runner.alive()
  const [failed] = (await server.call('GET', '/v1/executions?state=failed&limit=1')).json.items
  const [node] = (await server.call('GET', '/v1/runners')).json.items
  const parts = {
    overview: '/',
    executions: '/executions',
    execution: `/executions/${failed.id}`,
    jobs: '/jobs',
    job: '/jobs/by-hand',
    schedule: '/schedule',
    runners: '/runners',
    runner: `/runners/${node.id}`,
    notifications: '/notifications',
    tokens: '/tokens',
    audit: '/audit',
    about: '/about',
  }
  const tab = await browser.signedIn()
  const { page } = tab
  const menu = await page.locator('nav[aria-label="Parts of the page"] a').all()
  const listed = await Promise.all(menu.map(link => link.getAttribute('href')))
  t.same(
    [...new Set(listed)].filter(path => !Object.values(parts).includes(path!)),
    [],
    'none is left out',
  )
  if (draws) mkdirSync(pictures, { recursive: true })
  for (const [name, path] of Object.entries(parts)) {
    await page.goto(`${server.url}${path}`)
    await page.locator('main h1').waitFor()
    await page.locator('main:not(:has-text("Asking the server"))').waitFor()
    for (const screen of screens) {
      await page.setViewportSize(screen)
      const isWide = screen === screens[0]
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        t.same(await findings(tab), [], `${name}, ${colorScheme}, ${screen.width} px`)
        if (draws && isWide) await page.screenshot({ path: `${pictures}/${name}-${colorScheme}.png` })
      }
      t.ok(
        await page.evaluate('document.documentElement.scrollWidth <= document.documentElement.clientWidth'),
        `${name} does not scroll sideways at ${screen.width} px`,
      )
    }
  }
  t.same(tab.problems, [])
})
