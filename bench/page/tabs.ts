/*
 * Tabs of real Chromium that show the page: the times at which they show it, and the memory that they take.
 */
import { readFileSync } from 'node:fs'
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core'
import type { Server } from '../queues/runners.ts'

/** As in the tests. */
const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const sharedKilobytes = (pid: number) =>
  Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))![1])

/** A browser with one profile, which is signed in. */
export class Tabs {
  readonly #browser: Browser
  readonly #context: BrowserContext
  readonly #system: CDPSession
  readonly #url: string

  private constructor(browser: Browser, context: BrowserContext, system: CDPSession, url: string) {
    this.#browser = browser
    this.#context = context
    this.#system = system
    this.#url = url
  }

  static async start(server: Server, url: string): Promise<Tabs> {
    const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags })
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } })
    const page = await context.newPage()
    const { code } = await server.admin('POST', '/v1/browser-codes')
    await page.goto(`${url}/#code=${code}`)
    await page.locator('.shell').waitFor()
    return new Tabs(browser, context, await browser.newBrowserCDPSession(), url)
  }

  /** The calls that a part of the page makes when it is opened, beside those of each part. */
  async callsOf(path: string): Promise<string[]> {
    const page = await this.#context.newPage()
    const calls = new Set<string>()
    page.on('request', request => {
      const { pathname, search } = new URL(request.url())
      const isOwn = pathname.startsWith('/v1/') && !/events$|session$/.test(pathname)
      if (isOwn) calls.add(pathname + search)
    })
    await page.goto(this.#url + path)
    await page.waitForLoadState('load')
    await page.locator('h1').waitFor()
    await new Promise(resolve => setTimeout(resolve, 3000))
    await page.close()
    return [...calls]
  }

  async open(path: string): Promise<Tab> {
    const page = await this.#context.newPage()
    await page.goto(this.#url + path)
    await page.locator('h1').waitFor()
    return new Tab(page, await this.#context.newCDPSession(page))
  }

  /** Memory of all processes that show pages, in MB. Memory that several share counts in parts. */
  async resident(): Promise<number> {
    const { processInfo } = await this.#system.send('SystemInfo.getProcessInfo')
    const renderers = processInfo.filter(({ type }) => type === 'renderer')
    return renderers.reduce((sum, { id }) => sum + sharedKilobytes(id) / 1024, 0)
  }

  close(): Promise<void> {
    return this.#browser.close()
  }
}

export class Tab {
  readonly #page: Page
  readonly #session: CDPSession

  constructor(page: Page, session: CDPSession) {
    this.#page = page
    this.#session = session
  }

  /**
   * Watches for an element that has a text; resolves when it is watched for, to a promise of the time (Date.now) at which the
   * document had it.
   */
  async watch(selector: string, text: string): Promise<() => Promise<number>> {
    const name = `watch${Math.random()}`
    await this.#page.evaluate(watchIn, { name, selector, text })
    return () => this.#page.evaluate(seenIn, name)
  }

  /** The memory that JavaScript uses after a garbage collection, in MB. */
  async heap(): Promise<number> {
    await this.#session.send('HeapProfiler.collectGarbage')
    const { usedSize } = await this.#session.send('Runtime.getHeapUsage')
    return usedSize / 1024 ** 2
  }
}

// In the tab. The types of this program have nothing of a browser's.
interface TabScope {
  document: { body: object; querySelectorAll(selector: string): Iterable<{ textContent: string }> }
  MutationObserver: new (look: () => void) => { observe(of: object, what: object): void; disconnect(): void }
}

// Chromium runs these two functions in the tab, where `globalThis` is the window: the casts say what it has there.
function watchIn({ name, selector, text }: { name: string; selector: string; text: string }): void {
  const scope = globalThis as unknown as TabScope & Record<string, Promise<number>>
  scope[name] = new Promise(resolve => {
    const look = () => {
      if (
        ![...scope.document.querySelectorAll(selector)].some(({ textContent }) => textContent.includes(text))
      )
        return
      observer.disconnect()
      resolve(Date.now())
    }
    const observer = new scope.MutationObserver(look)
    observer.observe(scope.document.body, { subtree: true, childList: true, characterData: true })
    look()
  })
}

const seenIn = (name: string): Promise<number> =>
  (globalThis as unknown as Record<string, Promise<number>>)[name]!
