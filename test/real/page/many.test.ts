/* The page with 10,000 executions and 1,000 jobs in the store. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { systemChance } from '../../../src/edges.ts'
import { newId } from '../../../src/server/rules/context.ts'
import { openStore } from '../../../src/store/open.ts'
import { pageTest } from '../../support/browser.ts'
import { execution, job } from '../../support/rows.ts'
import type { TestServer } from '../../support/server.ts'

const executions = 10_000
const jobs = 1000

/** Puts jobs, and executions of them, one each minute until now; the first one has an image of its own. */
async function fill({ rig }: TestServer): Promise<void> {
  const opened = await openStore({
    database: `sqlite:${rig.path('state', 'server', 'server.db')}`,
    keyFile: rig.path('state', 'server', 'key'),
  })
  if (!opened.ok) throw new Error(opened.failure.detail)
  const { store } = opened.value
  const begin = Date.now() - executions * 60_000
  await store.write(async tx => {
    for (let n = 0; n < jobs; n++) tx.putJob(job(`job-${n}`))
    for (let n = 0; n < executions; n++) {
      const at = begin + n * 60_000
      const end = { exit_code: n % 7 ? 0 : 1, reason: n % 7 ? null : 'exit-status', node_name: 'one' }
      const times = { created_at: at, queued_at: at, started_at: at + 100, finished_at: at + 30_000 }
      const row = { id: newId(systemChance, at), image: n === 0 ? 'needle' : 'busybox', ...times }
      tx.putExecution(
        execution({ ...row, ...end, job_name: `job-${n % jobs}`, state: n % 7 ? 'succeeded' : 'failed' }),
      )
    }
  })
  await store[Symbol.asyncDispose]()
}

/** Tells how much a page uses, as `measure()`, after everything that is not used was thrown away. */
async function gauge(page: Page): Promise<() => Promise<{ heap: number; nodes: number }>> {
  const client = await page.context().newCDPSession(page)
  await client.send('Performance.enable')
  return async () => {
    for (let n = 0; n < 3; n++) await client.send('HeapProfiler.collectGarbage')
    const { metrics } = await client.send('Performance.getMetrics')
    const of = (name: string) => metrics.find(metric => metric.name === name)?.value ?? Number.NaN
    return { heap: of('JSHeapUsedSize') / 1024 ** 2, nodes: of('Nodes') }
  }
}

const longTasks = `globalThis.longest = 0
new PerformanceObserver(list => {
  for (const { duration } of list.getEntries()) longest = Math.max(longest, duration)
}).observe({ type: 'longtask', buffered: true })`

pageTest(
  t,
  'the page shows a list of 10,000 executions and one of 1,000 jobs, part by part',
  async (t, browser) => {
    const { server } = browser
    await server.stop()
    await fill(server)
    await server.restart()
    const { page, problems } = await browser.signedIn(undefined, {}, { script: longTasks })
    const measure = await gauge(page)
    const rows = page.locator('tbody tr')
    const tell = async (what: string) => {
      const { heap, nodes } = await measure()
      const longest = Math.round(Number(await page.evaluate('longest')))
      t.comment(`${what}: ${heap.toFixed(1)} MiB, ${nodes} nodes, longest task ${longest} ms`)
      return heap
    }

    await page.goto(`${server.url}/executions`)
    await page.getByRole('link', { name: `job-${jobs - 1}`, exact: true }).waitFor()
    t.equal(await rows.count(), 100)
    const first = await tell('the first 100 executions')
    for (let n = 1; n <= 10; n++) {
      await page.getByRole('link', { name: 'Older' }).click()
      await page
        .getByRole('link', { name: `job-${(executions - 1 - n * 100) % jobs}`, exact: true })
        .waitFor()
      t.equal(await rows.count(), 100)
    }
    t.ok((await tell('after 10 more parts')) < first + 5, 'parts that are not shown any more use nothing')
    await server.submit({ job_name: 'new', runner_group: 'nobody' })
    await page.getByRole('link', { name: 'Newest' }).click()
    await page.getByRole('link', { name: 'new', exact: true }).waitFor()

    await page.getByLabel('Job', { exact: true }).fill('job-777')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.getByRole('link', { name: 'job-776' }).waitFor({ state: 'detached' })
    await rows.nth(executions / jobs - 1).waitFor()
    t.equal(await rows.count(), executions / jobs)
    await page.getByRole('link', { name: 'Clear' }).click()
    await page.getByRole('searchbox').fill('needle')
    await page.getByRole('button', { name: 'Filter' }).click()
    // The server looks at so many at once, and says that older ones may fit.
    const found = page.getByRole('row', { name: /needle|job-0/ })
    const older = page.getByText('Older ones may')
    for (;;) {
      await found.or(older).first().waitFor()
      if ((await found.count()) > 0) break
      await page.getByRole('link', { name: 'Older' }).click()
    }
    t.equal(await rows.count(), 1)

    await page.goto(`${server.url}/jobs`)
    await rows.nth(49).waitFor()
    const before = await tell('the first 50 jobs')
    for (let shown = 50; shown < jobs; shown += 50) {
      await page.getByRole('button', { name: 'Show more' }).click()
      await rows.nth(shown + 49).waitFor()
    }
    t.equal((await page.locator('.runs').allTextContents()).join('').length, executions)
    t.ok((await tell('1,000 jobs')) < before + 50, 'a job uses little')
    await page.getByLabel('Name contains').fill('job-99')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.getByRole('link', { name: 'job-1', exact: true }).waitFor({ state: 'detached' })
    await rows.nth(10).waitFor()
    t.equal(await rows.count(), 11)
    t.same(problems, [])
  },
)
