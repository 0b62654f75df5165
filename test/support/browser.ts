/* A real browser, and what every test wants to know of a page that it shows. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import type { Test } from 'tap'
import { type Component, program } from './require.ts'
import { type StoreKind, serverTest, sqlite, type TestServer } from './server.ts'

const chromiumProgram = program('chromium')
export const browser: Component = chromiumProgram

/**
 * Chromium runs without a sandbox, which needs a user of its own, and without features that would ask other
 * hosts.
 */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** The rules that a page is held to. */
const standards = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

/** The time that a browser on a busy machine may take for one step, in ms. */
const patience = 60_000

/** A tab, and what has gone wrong in it. */
export interface Tab {
  page: Page
  /** Errors of scripts and reports of the content security policy. */
  problems: string[]
}

/** A browser that shows the page of a server. */
export class PageBrowser {
  readonly #browser: Browser
  readonly server: TestServer

  constructor(browser: Browser, server: TestServer) {
    this.#browser = browser
    this.server = server
  }

  /** Opens a tab in a profile of its own, which is signed in nowhere; `script` runs first in every page of the profile. */
  async tab(options: BrowserContextOptions = {}, script = ''): Promise<Tab> {
    const context = await this.#browser.newContext({ viewport: { width: 1280, height: 800 }, ...options })
    context.setDefaultTimeout(patience)
    if (script !== '') await context.addInitScript(script)
    return watched(await context.newPage())
  }

  /** Opens a tab that is signed in, by a printed link as `runner page` makes it; `url`: another way to the server. */
  async signedIn(
    token = this.server.token('admin'),
    options: BrowserContextOptions = {},
    { script = '', url = this.server.url }: { script?: string; url?: string } = {},
  ): Promise<Tab> {
    const tab = await this.tab(options, script)
    const { json } = await this.server.call('POST', '/v1/browser-codes', { token })
    await tab.page.goto(`${url}/#code=${json.code}`)
    await tab.page.locator('.shell').waitFor()
    return tab
  }
}

/** Another tab of the same profile. */
export async function another(tab: Tab): Promise<Tab> {
  return watched(await tab.page.context().newPage())
}

async function watched(page: Page): Promise<Tab> {
  const problems: string[] = []
  page.on('pageerror', error => problems.push(`error: ${error.message}`))
  page.on('console', message => {
    if (message.type() === 'error' && /Content Security Policy|TrustedScript/.test(message.text()))
      problems.push(`policy: ${message.text()}`)
  })
  return { page, problems }
}

/** The findings of axe, as `rule: element`. */
export async function findings({ page }: Tab): Promise<string[]> {
  await page.evaluate(axe)
  const { violations } = await page.evaluate<AxeResults, string[]>(
    tags => (globalThis as unknown as { axe: typeof import('axe-core') }).axe.run({ runOnly: tags }),
    standards,
  )
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`))
}

/** A test with a server and a browser. */
export function pageTest(
  t: Test,
  title: string,
  body: (t: Test, browser: PageBrowser) => Promise<unknown>,
  {
    stores = [sqlite],
    settings = {},
  }: { stores?: StoreKind[]; settings?: Record<string, string | number> } = {},
): void {
  serverTest(t, title, { stores, settings, needs: [browser] }, async (t, server) => {
    const started = await chromium.launch({ executablePath: chromiumProgram.path, args: flags })
    try {
      await body(t, new PageBrowser(started, server))
    } finally {
      await started.close()
    }
  })
  // A browser takes long on a busy machine.
  t.setTimeout(1_800_000)
}
