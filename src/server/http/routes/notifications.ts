import { listNotifications } from '../../operator-side/list-notifications.ts'
import { listNotifyTargets } from '../../operator-side/list-notify-targets.ts'
import type { Handlers } from '../handler.ts'
import { jsonOf, listOf } from './answers.ts'
import { pageOf } from './page.ts'

/** Notifications, and their targets. */
export const notificationHandlers = {
  async listNotifications({ query, rights }, { store }) {
    const { state, to } = query
    return listOf(await store.read(tx => listNotifications(tx, rights, { state, to }, pageOf(query))))
  },

  async listNotifyTargets({ query, rights }, { context }) {
    return listOf(listNotifyTargets(context, rights, pageOf(query)))
  },

  async testNotify({ params, change }, { testTarget }) {
    const tested = await testTarget(params.name)
    if (!tested.ok) return tested
    // It changes nothing, and belongs into the audit log: a message has left the server.
    const noted = await change(async (_, note) => {
      const { sent, error } = tested.value
      note({ object: params.name, after: { sent, error } })
      return tested
    })
    return jsonOf(noted)
  },
} satisfies Partial<Handlers>
