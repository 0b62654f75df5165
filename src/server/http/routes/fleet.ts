import { pageLimit } from '../../../protocol/call.ts'
import { defined } from '../../../result.ts'
import { availability } from '../../operator-side/availability.ts'
import { createToken } from '../../operator-side/create-token.ts'
import { deleteRunner } from '../../operator-side/delete-runner.ts'
import { getGroup } from '../../operator-side/get-group.ts'
import { getRunner } from '../../operator-side/get-runner.ts'
import { listAudit } from '../../operator-side/list-audit.ts'
import { listGroups } from '../../operator-side/list-groups.ts'
import { listRunners } from '../../operator-side/list-runners.ts'
import { listTokens } from '../../operator-side/list-tokens.ts'
import { patchGroup } from '../../operator-side/patch-group.ts'
import { patchRunner } from '../../operator-side/patch-runner.ts'
import { revokeToken } from '../../operator-side/revoke-token.ts'
import { serverStats } from '../../operator-side/server-stats.ts'
import { readable } from '../../state/unreadable.ts'
import { groupSettings, runnerSettings } from '../../views/audit-view.ts'
import { shownToken } from '../../views/token-view.ts'
import type { Handlers } from '../handler.ts'
import { createdOf, jsonOf, listOf, nothingOf } from './answers.ts'
import { pageOf } from './page.ts'

/** The metadata of runners for which a query asks, by key. */
function metadataIn(query: object): Record<string, string> {
  const prefix = 'metadata.'
  const found = Object.entries(query).filter(([name]) => name.startsWith(prefix))
  return Object.fromEntries(found.map(([name, value]) => [name.slice(prefix.length), String(value)]))
}

/** Runners, groups, tokens, and the audit log. */
export const fleetHandlers = {
  async listRunners({ query }, { store, context }) {
    const filter = { group: query.runner_group, metadata: metadataIn(query) }
    return listOf(await store.read(tx => listRunners(tx, context, pageOf(query), filter)))
  },

  async getRunner({ params }, { store, context }) {
    return jsonOf(await store.read(tx => getRunner(tx, context, params.id)))
  },

  async availability({ params, query }, { store }) {
    return jsonOf(await store.read(tx => availability(tx, params.id, query)))
  },

  async stats({ query, rights }, { store }) {
    return jsonOf(await store.read(tx => serverStats(tx, rights, query)))
  },

  async patchRunner({ params, body, change }, { context }) {
    const patched = await change(async (tx, note) => {
      const before = await getRunner(tx, context, params.id)
      const after = await patchRunner(tx, context, params.id, body)
      if (before.ok && after.ok) {
        const settings = { before: runnerSettings(before.value), after: runnerSettings(after.value) }
        note({ object: params.id, ...settings })
      }
      return after
    })
    return jsonOf(patched)
  },

  async deleteRunner({ params, change }, { context }) {
    const deleted = await change(async (tx, note) => {
      const before = await getRunner(tx, context, params.id)
      const result = await deleteRunner(tx, context, params.id)
      const settings = before.ok ? runnerSettings(before.value) : null
      note({ object: params.id, before: settings, after: settings && { ...settings, deleted: true } })
      return result
    })
    return nothingOf(deleted)
  },

  async listGroups({ query }, { store }) {
    return listOf(await store.read(tx => listGroups(tx, pageOf(query))))
  },

  async getGroup({ params }, { store }) {
    return jsonOf(await store.read(tx => getGroup(tx, params.name)))
  },

  async patchGroup({ params, body, change }, { context }) {
    const patched = await change(async (tx, note) => {
      const before = await getGroup(tx, params.name)
      const after = await patchGroup(tx, context, params.name, body)
      if (before.ok && after.ok)
        note({
          object: params.name,
          before: groupSettings(before.value),
          after: groupSettings(after.value),
        })
      return after
    })
    return jsonOf(patched)
  },

  async createToken({ body, change }, { context }) {
    const made = await change(async (tx, note) => {
      const created = await createToken(tx, context, body)
      if (created.ok) {
        const { token: _, ...after } = created.value
        note({ object: after.id, after })
      }
      return created
    })
    return createdOf(made)
  },

  async listTokens({ query }, { store }) {
    return listOf(await store.read(tx => listTokens(tx, pageOf(query))))
  },

  async revokeToken({ params, change }) {
    const revoked = await change(async (tx, note) => {
      const before = await readable(tx.token(params.id), params.id)
      note({ object: params.id, before: before === undefined ? null : await shownToken(before) })
      return revokeToken(tx, params.id)
    })
    return nothingOf(revoked)
  },

  async listAudit({ query }, { store, context }) {
    const { limit = pageLimit, after, pretty: _, ...search } = query
    const page = { limit, ...defined({ after }) }
    return jsonOf(await store.read(tx => listAudit(tx, context, search, page)))
  },
} satisfies Partial<Handlers>
