import { exitStatus } from '../../exit-status.ts'
import type { Client } from '../../protocol/client.ts'
import type { ClientFailure } from '../../protocol/client-failure.ts'
import type { Group, GroupPatch, Runner } from '../../protocol/messages.ts'
import { columns } from '../../report/columns.ts'
import type { Result } from '../../result.ts'
import { print, sayError } from '../say.ts'
import { type ConnectOptions, printJson, sayFailure, tableWidth, withClient } from './connect.ts'
import { collect } from './pages.ts'
import { findRunner } from './runners.ts'

/** `runner groups list`. */
export function groupsListCommand(options: ConnectOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const groups = await collect(page => client.call('listGroups', { query: page }))
    if (!groups.ok) return sayFailure(groups.failure)
    if (options.json) printJson(groups.value)
    else print(await groupsText(client, groups.value))
    return exitStatus.ok
  })
}

async function groupsText(client: Client, groups: readonly Group[]): Promise<string> {
  if (groups.length === 0) return 'no groups\n'
  const names = new Map<string, string>()
  for (const id of groups.flatMap(group => [group.leader_runner_id, group.pinned_runner_id])) {
    if (id === null || names.has(id)) continue
    const runner = await client.call('getRunner', { params: { id } })
    names.set(id, runner.ok ? runner.value.name : id)
  }
  const nameOf = (id: string | null) => (id === null ? '' : names.get(id)!)
  const rows = groups.map(group => [
    group.name,
    group.mode,
    String(group.runners),
    group.mode === 'leader' ? nameOf(group.leader_runner_id) || 'nobody' : '',
    nameOf(group.pinned_runner_id),
  ])
  return columns([['group', 'mode', 'runners', 'leader', 'pinned'], ...rows], tableWidth())
}

export interface GroupOptions extends ConnectOptions {
  group: string
}

/** `runner groups leader`: the name of the runner that leads. */
export function groupsLeaderCommand(options: GroupOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const group = await client.call('getGroup', { params: { name: options.group } })
    if (!group.ok) return sayFailure(group.failure)
    const { mode, leader_runner_id: id } = group.value
    let leader: Result<Runner, ClientFailure> | undefined
    if (id !== null) leader = await client.call('getRunner', { params: { id } })
    if (leader?.ok === false) return sayFailure(leader.failure)
    if (options.json) printJson(leader?.value ?? null)
    else if (leader !== undefined) print(`${leader.value.name} ${leader.value.id}\n`)
    else if (mode === 'all')
      sayError(`runner: group ${options.group} has no leader: all of its runners work\n`)
    else sayError(`runner: nobody in group ${options.group} can lead\n`)
    return exitStatus.ok
  })
}

export interface GroupModeOptions extends GroupOptions {
  mode: 'all' | 'leader'
}

/** `runner groups mode`. */
export const groupsModeCommand = (options: GroupModeOptions, env: NodeJS.ProcessEnv) =>
  withClient(options, env, client => change(client, options, { mode: options.mode }))

export interface GroupPinOptions extends GroupOptions {
  runner: string
}

/** `runner groups pin`: this runner leads as long as it can. */
export function groupsPinCommand(options: GroupPinOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const runner = await findRunner(client, options.runner)
    if (!runner.ok) return sayFailure(runner.failure)
    return change(client, options, { pinned_runner_id: runner.value.id })
  })
}

/** `runner groups unpin`. */
export const groupsUnpinCommand = (options: GroupOptions, env: NodeJS.ProcessEnv) =>
  withClient(options, env, client => change(client, options, { pinned_runner_id: null }))

async function change(client: Client, options: GroupOptions, body: GroupPatch): Promise<number> {
  const patched = await client.call('patchGroup', { params: { name: options.group }, body })
  if (!patched.ok) return sayFailure(patched.failure)
  if (options.json) printJson(patched.value)
  else if (!options.quiet) print(await groupsText(client, [patched.value]))
  return exitStatus.ok
}
