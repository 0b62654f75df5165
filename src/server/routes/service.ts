import { openApiDocument } from '../../protocol/openapi.ts'
import { ok } from '../../result.ts'
import type { Handlers } from '../call.ts'
import { json } from './answers.ts'

/** What is said of the server itself. */
export const serviceHandlers = {
  async health(_, { store, version }) {
    const works = await store.check().then(
      () => true,
      () => false,
    )
    const word = works ? 'ok' : 'failing'
    return ok({ status: works ? 200 : 503, json: { status: word, store: word, version } })
  },

  async openapi() {
    return json(openApiDocument())
  },

  async metrics(_, { metrics }) {
    return ok({ status: 200, text: await metrics.text(), type: 'text/plain; version=0.0.4; charset=utf-8' })
  },
} satisfies Partial<Handlers>
