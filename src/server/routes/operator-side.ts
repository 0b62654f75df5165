import type { GroupPatch, RunnerPatch, TokenCreate } from '../../protocol/messages.ts'
import type { Handlers } from '../call.ts'
import { getGroup, listGroups, patchGroup } from '../groups.ts'
import { deleteRunner, getRunner, listRunners, patchRunner } from '../runners.ts'
import { createToken, listTokens, revokeToken } from '../tokens.ts'
import { jsonOf, nothingOf, page } from './answers.ts'
import { pageOf } from './page.ts'

/** Runners, groups and tokens. */
export const operatorHandlers = {
  async listRunners({ query }, { store, context }) {
    const group = query.runner_group as string | undefined
    return page(await store.read(tx => listRunners(tx, context, pageOf(query), group)))
  },

  async getRunner({ params }, { store, context }) {
    return jsonOf(await store.read(tx => getRunner(tx, context, params.id!)))
  },

  async patchRunner({ params, body }, { store, context }) {
    return jsonOf(await store.write(tx => patchRunner(tx, context, params.id!, body as RunnerPatch)))
  },

  async deleteRunner({ params }, { store, context }) {
    return nothingOf(await store.write(tx => deleteRunner(tx, context, params.id!)))
  },

  async listGroups({ query }, { store }) {
    return page(await store.read(tx => listGroups(tx, pageOf(query))))
  },

  async getGroup({ params }, { store }) {
    return jsonOf(await store.read(tx => getGroup(tx, params.name!)))
  },

  async patchGroup({ params, body }, { store, context }) {
    return jsonOf(await store.write(tx => patchGroup(tx, context, params.name!, body as GroupPatch)))
  },

  async createToken({ body }, { store, context }) {
    return jsonOf(await store.write(tx => createToken(tx, context, body as TokenCreate)), 201)
  },

  async listTokens({ query }, { store }) {
    return page(await store.read(tx => listTokens(tx, pageOf(query))))
  },

  async revokeToken({ params }, { store, context }) {
    return nothingOf(await store.write(tx => revokeToken(tx, context, params.id!)))
  },
} satisfies Partial<Handlers>
