import type { Client } from '../../protocol/client/client.ts'
import type { ClientFailure } from '../../protocol/client/client-failure.ts'
import type { Runner } from '../../protocol/messages/runners.ts'
import { defined, fail, ok, type Result } from '../../result.ts'
import { isId, withBeginning } from './ids.ts'
import { collectPages } from './pages.ts'

/** All runners, or those of a group, or those whose metadata has these values. */
export function allRunners(
  client: Client,
  group?: string,
  metadata: Readonly<Record<string, string>> = {},
): Promise<Result<Runner[], ClientFailure>> {
  const said = Object.entries(metadata).map(([key, value]) => [`metadata.${key}`, value])
  const filter = { ...Object.fromEntries(said), ...defined({ runner_group: group }) }
  return collectPages(page => client.call('listRunners', { query: { ...filter, ...page } }))
}

/**
 * The runner of an id, of a name that only one has, or of the beginning of an id; deleted ones go by their
 * id, or if no other has the name.
 */
export async function findRunner(client: Client, which: string): Promise<Result<Runner, ClientFailure>> {
  if (isId(which)) return client.call('getRunner', { params: { id: which } })
  const all = await allRunners(client)
  if (!all.ok) return all
  const named = all.value.filter(({ name }) => name === which)
  const living = named.filter(({ deleted }) => !deleted)
  const [found, other] = living.length > 0 ? living : named
  if (found === undefined) {
    const begun = withBeginning(all.value, which, ({ name }) => name)
    if (!begun.ok) return begun
    if (begun.value !== undefined) return ok(begun.value)
    return fail({
      reason: 'not-found',
      status: 404,
      message: `there is no node ${which}; \`runner node\` lists them`,
    })
  }
  if (other === undefined) return ok(found)
  const message = `several nodes are called ${which}: name one by its id; \`runner node\` lists them`
  return fail({ reason: 'malformed', status: 400, message })
}
