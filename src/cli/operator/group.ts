import { exitStatus } from '../../exit-status.ts'
import type { Client } from '../../protocol/client/client.ts'
import type { ClientFailure } from '../../protocol/client/client-failure.ts'
import type { Group, GroupPatch } from '../../protocol/messages/groups.ts'
import type { Runner } from '../../protocol/messages/runners.ts'
import { columns } from '../../report/columns.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import type { Result } from '../../result.ts'
import { shown } from '../../system/printable.ts'
import { defineGroup } from '../define-command.ts'
import { type ConnectOptions, defineServerCommand, sayFailure, withClient } from './connect.ts'
import { findRunner } from './find-runner.ts'
import { collectPages } from './pages.ts'

function listGroups(options: ConnectOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const groups = await collectPages(page => client.call('listGroups', { query: page }))
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
  return columns([['group', 'mode', 'nodes', 'leader', 'pinned'], ...rows])
}

/** Prints the name and the id of the runner that leads a group. */
function showLeader(options: ConnectOptions, name: string, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const group = await client.call('getGroup', { params: { name } })
    if (!group.ok) return sayFailure(group.failure)
    const { mode, leader_runner_id: id } = group.value
    let leader: Result<Runner, ClientFailure> | undefined
    if (id !== null) leader = await client.call('getRunner', { params: { id } })
    if (leader?.ok === false) return sayFailure(leader.failure)
    if (options.json) printJson(leader?.value ?? null)
    else if (leader !== undefined) print(`${leader.value.name} ${leader.value.id}\n`)
    else if (mode === 'all') sayError(`runner: group ${name} has no leader: all of its nodes work\n`)
    else sayError(`runner: no node of group ${name} can lead\n`)
    return exitStatus.ok
  })
}

/** Lets a runner lead a group while it can. */
function pin(options: ConnectOptions, name: string, which: string, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const runner = await findRunner(client, which)
    if (!runner.ok) return sayFailure(runner.failure)
    return patch(
      client,
      options,
      name,
      { pinned_runner_id: runner.value.id },
      `node ${shown(runner.value.name)} leads it while it can`,
    )
  })
}

/** Changes a group, says what that means, and prints its new state. */
function change(
  options: ConnectOptions,
  name: string,
  body: GroupPatch,
  env: NodeJS.ProcessEnv,
  meaning: string,
): Promise<number> {
  return withClient(options, env, client => patch(client, options, name, body, meaning))
}

async function patch(
  client: Client,
  options: ConnectOptions,
  name: string,
  body: GroupPatch,
  meaning: string,
): Promise<number> {
  const patched = await client.call('patchGroup', { params: { name }, body })
  if (!patched.ok) return sayFailure(patched.failure)
  if (options.json) printJson(patched.value)
  else if (!options.quiet) {
    sayError(`runner: group ${shown(name)}: ${meaning}\n`)
    print(await groupsText(client, [patched.value]))
  }
  return exitStatus.ok
}

const list = defineServerCommand({
  description: 'list the groups',
  options: command => command,
  examples: ['runner group'],
  action: (options, _, env) => listGroups(options, env),
})

const mode = defineServerCommand({
  description: 'let all nodes of a group take jobs, or only its leader',
  options: command =>
    command.argument('<group>').addArgument(command.createArgument('<mode>').choices(['all', 'leader'])),
  examples: ['runner group mode default leader'],
  action: (options, [group, mode], env) =>
    change(
      options,
      group,
      { mode },
      env,
      mode === 'all' ? 'all of its nodes take jobs' : 'only its leader takes jobs',
    ),
})

const leader = defineServerCommand({
  description: 'show the leader of a group',
  options: command => command.argument('<group>'),
  examples: ['runner group leader default'],
  action: (options, [group], env) => showLeader(options, group, env),
})

const pinTo = defineServerCommand({
  description: 'pin the leader of a group: this node leads while it can',
  options: command =>
    command.argument('<group>').argument('<node>', 'name of a node that no other one has, or its id'),
  examples: ['runner group pin default build-3'],
  action: (options, [group, runner], env) => pin(options, group, runner, env),
})

const unpin = defineServerCommand({
  description: 'remove the pin: the next election chooses the oldest node',
  options: command => command.argument('<group>'),
  examples: ['runner group unpin default'],
  action: (options, [group], env) =>
    change(
      options,
      group,
      { pinned_runner_id: null },
      env,
      'has no pin: the next election chooses its leader',
    ),
})

export const command = defineGroup({
  description: 'show groups of nodes and their leaders',
  own: 'list',
  commands: { list, mode, leader, pin: pinTo, unpin },
})
