import { hash } from 'node:crypto'
import { openApiDocument } from '../../protocol/openapi.ts'
import { ok } from '../../result.ts'
import type { Handlers } from '../call.ts'
import type { Store } from '../store/store.ts'

interface Document {
  text: Buffer
  etag: string
}
/** The description of the calls, made when it is first asked for: it is the same for the life of the program. */
const documents: { plain?: Document; indented?: Document } = {}

function documentOf(indented: boolean): Document {
  const text = Buffer.from(`${JSON.stringify(openApiDocument(), null, indented ? 2 : undefined)}\n`)
  return { text, etag: `"${hash('sha256', text).slice(0, 32)}"` }
}

/** Seconds in which a store that works answers: a probe waits hardly longer, and a database that hangs says nothing. */
const checkSeconds = 5
const checks = new WeakMap<Store, Promise<boolean>>()

/** Whether a store can be written to. Whoever asks during a check gets the answer of that one: anybody may ask. */
function storeWorks(store: Store): Promise<boolean> {
  const under = checks.get(store)
  if (under !== undefined) return under
  const check = store
    .check()
    .then(
      () => true,
      () => false,
    )
    .finally(() => checks.delete(store))
  checks.set(store, check)
  return check
}

/** What is said of the server itself. */
export const serviceHandlers = {
  async health(_, { store, version, clock }) {
    const over = new AbortController()
    const late = clock.sleep(checkSeconds, over.signal).then(() => false)
    const works = await Promise.race([storeWorks(store), late])
    over.abort()
    const word = works ? 'ok' : 'failing'
    return ok({ status: works ? 200 : 503, json: { status: word, store: word, version } })
  },

  async openapi({ query }) {
    const { pretty } = query as { pretty?: string }
    const indented = pretty !== undefined && pretty !== 'false'
    const form = indented ? 'indented' : 'plain'
    documents[form] ??= documentOf(indented)
    const { text, etag } = documents[form]
    return ok({ status: 200, text, type: 'application/json; charset=utf-8', etag })
  },

  async metrics(_, { metrics }) {
    return ok({ status: 200, text: await metrics.text(), type: 'text/plain; version=0.0.4; charset=utf-8' })
  },
} satisfies Partial<Handlers>
