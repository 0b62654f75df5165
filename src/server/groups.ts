import type { Group, GroupPatch } from '../protocol/messages.ts'
import { ok, type Result } from '../result.ts'
import type { Context } from './context.ts'
import { electGroup } from './election.ts'
import { type Listed, listed, readable, shown, type UnreadableRow, unreadable } from './pages.ts'
import { type Refusal, refuse } from './refusal.ts'
import { groupOf } from './runner-facts.ts'
import type { GroupRow, Page, Reader, Writer } from './store/store.ts'

/** Where runners and jobs are that name no group: it is there from the beginning. */
export const defaultGroup = 'default'

const newGroup = (name: string): GroupRow => ({
  name,
  mode: 'all',
  leader_runner_id: null,
  pinned_runner_id: null,
})

/** Makes a group that a runner names; groups stay, whatever becomes of their runners. */
export async function ensureGroup(tx: Writer, name: string): Promise<void> {
  if ((await tx.group(name)) === undefined) tx.putGroup(newGroup(name))
}

/** All groups by name, in pages. */
export async function listGroups(tx: Reader, page: Page): Promise<Listed<Group>> {
  const { items, next } = await listed(page, page => tx.listGroups(page, unreadable), nameOf)
  return { items: await Promise.all(items.map(row => shownGroup(tx, row))), next }
}

export async function getGroup(tx: Reader, name: string): Promise<Result<Group, Refusal>> {
  const row = await readable(groupRow(tx, name), name)
  return row === undefined ? noGroup(name) : ok(await shownGroup(tx, row))
}

const nameOf = (row: GroupRow | UnreadableRow) => ('unreadable' in row ? row.id : row.name)

function shownGroup(tx: Reader, row: GroupRow | UnreadableRow): Promise<Group> {
  return shown<GroupRow, Group>(
    row,
    row => groupView(tx, row),
    problem => ({ ...newGroup(nameOf(row)), runners: 0, problem }),
  )
}

/** Sets mode and pin, and elects again. Only a runner that is in the group can be pinned. */
export async function patchGroup(
  tx: Writer,
  ctx: Context,
  name: string,
  patch: GroupPatch,
): Promise<Result<Group, Refusal>> {
  const row = await groupRow(tx, name)
  if (row === undefined) return noGroup(name)
  if (patch.pinned_runner_id != null) {
    const runner = await tx.runner(patch.pinned_runner_id)
    if (runner === undefined) return refuse('not-found', 'there is no runner with the id to pin')
    if (runner.deleted_at !== null) return refuse('deleted', `runner ${runner.name} was deleted`)
    if (groupOf(runner) !== name)
      return refuse('malformed', `runner ${runner.name} is in group ${groupOf(runner)}, not in ${name}`)
  }
  tx.putGroup({ ...row, ...patch })
  await electGroup(tx, ctx, name)
  // What each of them is has changed: leader, standby, or neither.
  if (patch.mode !== undefined && patch.mode !== row.mode)
    for (const { id } of await tx.runnersOf(name)) tx.notify({ about: 'runner', id })
  return getGroup(tx, name)
}

/** What operators see of a group. */
export async function groupView(tx: Reader, row: GroupRow): Promise<Group> {
  const runners = (await tx.runnersOf(row.name)).filter(runner => runner.deleted_at === null)
  return { ...row, runners: runners.filter(runner => groupOf(runner) === row.name).length }
}

async function groupRow(tx: Reader, name: string): Promise<GroupRow | undefined> {
  return (await tx.group(name)) ?? (name === defaultGroup ? newGroup(name) : undefined)
}

const noGroup = (name: string) =>
  refuse('not-found', `there is no group ${name}: a group begins with the first runner that names it`)
