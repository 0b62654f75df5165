/*
 * Pages without a browser: `readers.ts URL TOKENS`. Each line of its input says in JSON which pages are open from then on;
 * it answers with the reads that they have made since the last line. The page's own code follows the events and decides
 * when what is read again; each page is a browser profile of its own, with a session and at most six connections.
 */
import { setMaxListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Agent, fetch } from 'undici'
import type { Change, ChangeStream, Message } from '../../src/web/live/stream.ts'
import { median, percentile } from '../figures.ts'

/** The pages that this program stands for. */
export interface Pages {
  count: number
  /** Of each kind of page, the calls that it makes when it is opened. */
  kinds: string[][]
  /** Whether nobody looks at them: then they only follow the events. */
  hidden: boolean
}

const [url, tokens] = process.argv.slice(2) as [string, string]
const token = readFileSync(join(tokens, 'admin.token'), 'utf8').trim()
const keyHeader = 'Runner-Page-Key'

// The page's own code takes the browser's names for these; the types of this program have none of them.
const page = Object.assign(new EventTarget(), { hidden: false })
setMaxListeners(0, page)
const profiles = new Map<string, { cookie: string; dispatcher: Agent }>()
Object.assign(globalThis, {
  document: page,
  fetch: (path: string, { headers, ...rest }: { headers: Record<string, string> }) => {
    const { cookie, dispatcher } = profiles.get(headers[keyHeader]!)!
    return fetch(url + path, { ...rest, headers: { ...headers, cookie }, dispatcher })
  },
})
const ofThePage = <T>(file: string): Promise<T> =>
  import(new URL(`../../src/web/${file}`, import.meta.url).href)
const live = await ofThePage<{ ChangeStream: typeof ChangeStream }>('live/stream.ts')
interface Changes {
  on(topics: readonly string[], take: (change: Change | undefined) => void): () => void
}
interface Resource {
  follow(changes: Changes): () => void
  refresh(): void
}
const { Resource } = await ofThePage<{
  Resource: new (
    read: (signal: AbortSignal) => Promise<unknown>,
    on: { topics: readonly string[] },
  ) => Resource
}>('live/resource.ts')

/** The changes that make an answer old, by the beginning of its path. */
const topics: Record<string, string[]> = {
  '/v1/executions': ['execution'],
  '/v1/runners': ['runner', 'group'],
  '/v1/schedules': ['schedule', 'job'],
  // It is read once a minute.
  '/v1/stats': [],
}

let times: number[] = []

async function signIn(): Promise<string> {
  const dispatcher = new Agent({ connections: 6 })
  const answer = await fetch(`${url}/v1/browser-session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: url },
    body: JSON.stringify({ token }),
    dispatcher,
  })
  if (!answer.ok) throw new Error(`sign in: ${answer.status} ${await answer.text()}`)
  const { key } = (await answer.json()) as { key: string }
  const cookie = answer.headers
    .getSetCookie()
    .map(text => text.split(';')[0])
    .join('; ')
  profiles.set(key, { cookie, dispatcher })
  return key
}

/** Opens a page; the answer closes it. */
async function open(paths: readonly string[]): Promise<() => Promise<void>> {
  const key = await signIn()
  const { cookie, dispatcher } = profiles.get(key)!
  const listeners = new Set<{ topics: readonly string[]; take(change: Change | undefined): void }>()
  const changes: Changes = {
    on: (topics, take) => {
      const listener = { topics, take }
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
  const ready = Promise.withResolvers<void>()
  const stream = new live.ChangeStream((message: Message) => {
    if (message.kind === 'connected') ready.resolve()
    // Pages that are not connected cost nothing, or too much.
    if (message.kind === 'lost' || message.kind === 'refused') throw new Error(JSON.stringify(message))
    if (message.kind !== 'change') return
    const { change } = message
    for (const { topics, take } of listeners)
      if (change === undefined || topics.includes(change.topic)) take(change)
  })
  stream.start(key)
  const resources = paths.map(
    path =>
      new Resource(
        async signal => {
          const began = performance.now()
          const headers = { accept: 'application/json', [keyHeader]: key, cookie }
          const answer = await fetch(url + path, { headers, signal, dispatcher })
          if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
          const read = await answer.json()
          times.push(performance.now() - began)
          return read
        },
        { topics: topics[path.split('?')[0]!] ?? [] },
      ),
  )
  const stops = resources.map(resource => resource.follow(changes))
  await ready.promise
  return async () => {
    for (const stop of stops) stop()
    stream.stop()
    profiles.delete(key)
    await dispatcher.destroy()
  }
}

let opened: (() => Promise<void>)[] = []
console.log('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const { count, kinds, hidden } = JSON.parse(line) as Pages
  page.hidden = hidden
  page.dispatchEvent(new Event('visibilitychange'))
  while (opened.length < count) opened.push(await open(kinds[opened.length % kinds.length]!))
  await Promise.all(opened.slice(count).map(close => close()))
  opened = opened.slice(0, count)
  const p =
    times.length === 0 ? { median: 0, late: 0 } : { median: median(times), late: percentile(times, 95) }
  console.log(JSON.stringify({ reads: times.length, ...p }))
  times = []
}
process.exit(0)
