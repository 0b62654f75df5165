import { ok } from '../../../result.ts'
import { settingsKnowTargets } from '../../rules/notify-targets.ts'
import { putSettings, settingsIn } from '../../state/settings.ts'
import { readable } from '../../state/unreadable.ts'
import { tokenView } from '../../views/token-view.ts'
import type { Handlers } from '../handler.ts'
import { jsonOf } from './answers.ts'

/** The server itself. */
export const serviceHandlers = {
  async health(_, { storeCheck, version }) {
    const works = await storeCheck.works()
    return works
      ? ok({ status: 200, json: { status: 'ok', store: 'ok', version } })
      : ok({ status: 503, json: { status: 'failing', store: 'failing', version } })
  },

  async whoami({ token }) {
    return ok({ status: 200, json: tokenView(token) })
  },

  async getSettings(_, { store, context }) {
    return ok({ status: 200, json: await store.read(tx => settingsIn(tx, context)) })
  },

  async putSettings({ body, change }, { context }) {
    const put = await change(async (tx, note) => {
      const told = settingsKnowTargets(body, context.settings)
      if (!told.ok) return told
      const before = await readable(settingsIn(tx, context), 'settings')
      const accepted = putSettings(tx, body, context)
      if (!accepted.ok) return accepted
      note({ object: null, before, after: body })
      return ok(body)
    })
    return jsonOf(put)
  },

  async openapi({ query }, { openApi }) {
    const indent = query.pretty === undefined || query.pretty === 'false' ? 0 : 2
    return ok({ status: 200, ...openApi.text(indent), type: 'application/json; charset=utf-8' })
  },

  async metrics(_, { metrics }) {
    return ok({ status: 200, text: await metrics.text(), type: 'text/plain; version=0.0.4; charset=utf-8' })
  },
} satisfies Partial<Handlers>
