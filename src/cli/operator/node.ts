import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import type { Runner, RunnerPatch } from '../../protocol/messages/runners.ts'
import { columns } from '../../report/columns.ts'
import { durationText } from '../../report/describe.ts'
import { localTime } from '../../report/local-time.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { shortIds } from '../../report/short-ids.ts'
import { defined } from '../../result.ts'
import { counted } from '../../system/counted.ts'
import { harmless, shown } from '../../system/printable.ts'
import { defineGroup, type NewCommand, type OptionsOf } from '../define-command.ts'
import { addPair, wholeNumber } from '../options.ts'
import { type ConnectOptions, defineServerCommand, refuseUsage, sayFailure, withClient } from './connect.ts'
import { allRunners, findRunner } from './find-runner.ts'

/** Names with commas between them; an empty text has none. */
const names = (text: string): string[] => (text === '' ? [] : text.split(','))

const listOptions = (command: NewCommand) =>
  command
    .option('--group <group>', 'only those of this group')
    .option(
      '--metadata <key=value>',
      'only those whose metadata has this value; may be repeated',
      addPair,
      {},
    )

type ListOptions = ConnectOptions & OptionsOf<typeof listOptions>

function listRunners(options: ListOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const list = await allRunners(client, options.group, options.metadata)
    if (!list.ok) return sayFailure(list.failure)
    if (options.json) printJson(list.value)
    else print(runnersText(list.value, systemClock.now()))
    return exitStatus.ok
  })
}

function runnersText(runners: readonly Runner[], now: Date): string {
  if (runners.length === 0) return 'no nodes\n'
  const ids = shortIds(runners.map(({ id }) => id))
  const rows = runners.map(runner => [
    runner.name,
    ids.get(runner.id)!,
    stateOf(runner),
    runner.role ?? '',
    runner.runner_group,
    `${runner.running.length}/${runner.capacity}`,
    heard(runner, now),
    expiry(runner),
    runner.taints.join(' '),
    runner.capabilities.join(' '),
  ])
  const head = [
    'node',
    'id',
    'state',
    'role',
    'group',
    'running',
    'heard',
    'token expires',
    'taints',
    'capabilities',
  ]
  return columns([head, ...rows]) + problemLines(runners)
}

function stateOf({ state, enabled, deleted, unable_because }: Runner): string {
  const unable = state === 'ready' && (unable_because ?? null) !== null
  return [state, ...(enabled || deleted ? [] : ['disabled']), ...(unable ? ['starts no jobs'] : [])].join(
    ', ',
  )
}

/** The reasons why nodes start no jobs, a line for each. */
function problemLines(runners: readonly Runner[]): string {
  return runners
    .flatMap(({ name, state, unable_because }) =>
      state === 'ready' && unable_because != null
        ? [`${shown(name)} starts no jobs: ${harmless(unable_because)}\n`]
        : [],
    )
    .join('')
}

function heard({ last_heartbeat_at }: Runner, now: Date): string {
  if (last_heartbeat_at === null) return 'never'
  return `${durationText(Math.max(0, (now.getTime() - Date.parse(last_heartbeat_at)) / 1000))} ago`
}

function expiry({ credentials_expire_at: at }: Runner): string {
  if (at === undefined) return ''
  return at === null ? 'never' : localTime(at)
}

/** Changes a runner, says what that means, and prints its new state. */
function change(
  options: ConnectOptions,
  which: string,
  body: RunnerPatch,
  env: NodeJS.ProcessEnv,
  meaning: (runner: Runner) => string,
): Promise<number> {
  return withClient(options, env, async client => {
    const found = await findRunner(client, which)
    if (!found.ok) return sayFailure(found.failure)
    const patched = await client.call('patchRunner', { params: { id: found.value.id }, body })
    if (!patched.ok) return sayFailure(patched.failure)
    if (options.json) printJson(patched.value)
    else if (!options.quiet) {
      sayError(`runner: node ${shown(patched.value.name)} ${meaning(patched.value)}\n`)
      print(runnersText([patched.value], systemClock.now()))
    }
    return exitStatus.ok
  })
}

/** Deletes a runner: the server aborts its executions that have not ended. */
function deleteRunner(options: ConnectOptions, which: string, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const found = await findRunner(client, which)
    if (!found.ok) return sayFailure(found.failure)
    const { id, name } = found.value
    const deleted = await client.call('deleteRunner', { params: { id } })
    if (!deleted.ok) return sayFailure(deleted.failure)
    if (options.json) printJson({ deleted: id })
    else if (!options.quiet)
      sayError(`runner: ${name} (${id}) is deleted; \`runner node undelete ${id}\` allows it again\n`)
    return exitStatus.ok
  })
}

const taintsText = ({ taints }: Runner) =>
  taints.length === 0 ? 'has no taints' : `is tainted: ${taints.map(shown).join(' ')}`

const settingsText = ({ runner_group, capabilities, taints }: Runner) =>
  `has group ${runner_group}, capabilities ${capabilities.join(' ') || 'none'}, ` +
  `taints ${taints.join(' ') || 'none'}`

const oneRunner = (command: NewCommand) =>
  command.argument(
    '<node>',
    'name of a node that no other one has, or its id, or the first 8 characters of that',
  )

const list = defineServerCommand({
  description: 'list the nodes',
  options: listOptions,
  examples: [
    'runner node',
    'runner node list --metadata environment=production',
    "runner node list --json | jq '.[].state'",
  ],
  action: (options, _, env) => listRunners(options, env),
})

const enable = defineServerCommand({
  description: 'let a node take jobs',
  options: oneRunner,
  examples: ['runner node enable build-3'],
  action: (options, [which], env) =>
    change(options, which, { enabled: true }, env, () => 'is enabled: it takes jobs'),
})

const disable = defineServerCommand({
  description: 'let a node take no more jobs',
  options: oneRunner,
  examples: ['runner node disable build-3'],
  action: (options, [which], env) =>
    change(
      options,
      which,
      { enabled: false },
      env,
      () => 'is disabled: it takes no more jobs, and its running jobs continue',
    ),
})

const remove = defineServerCommand({
  description: 'delete a node and abort the jobs that it has not finished',
  options: oneRunner,
  examples: ['runner node delete build-3'],
  action: (options, [which], env) => deleteRunner(options, which, env),
})

const undelete = defineServerCommand({
  description: 'allow a deleted node again',
  options: oneRunner,
  examples: ['runner node undelete build-3'],
  action: (options, [which], env) =>
    change(options, which, { deleted: false }, env, () => 'is allowed again'),
})

const taint = defineServerCommand({
  description: 'keep a node from jobs and from leading, until the taint is removed',
  options: command => oneRunner(command).argument('<taints...>'),
  examples: ['runner node taint build-3 maintenance'],
  action: (options, [which, taints], env) => change(options, which, { add_taints: taints }, env, taintsText),
})

const untaint = defineServerCommand({
  description: 'remove taints from a node: those named, or all',
  options: command => oneRunner(command).argument('[taints...]'),
  examples: ['runner node untaint build-3'],
  action: (options, [which, taints], env) =>
    change(options, which, taints.length === 0 ? { taints: [] } : { remove_taints: taints }, env, taintsText),
})

const capacity = defineServerCommand({
  description: 'set how many jobs a node may hold',
  options: command =>
    oneRunner(command).addArgument(command.createArgument('<slots>').argParser(wholeNumber(0, 1000))),
  examples: ['runner node capacity build-3 8'],
  action: (options, [which, slots], env) =>
    change(
      options,
      which,
      { capacity: slots },
      env,
      ({ capacity }) => `holds ${counted(capacity, 'job')} at most`,
    ),
})

const setOptions = (command: NewCommand) =>
  oneRunner(command)
    .option('--group <group>', 'group from which it takes jobs')
    .option('--capabilities <names>', "what it can do, with commas between them; '' for nothing", names)
    .option('--taints <names>', "its taints, instead of those that it has; '' for none", names)

const set = defineServerCommand({
  description: 'set the group, the capabilities or the taints of a node',
  options: setOptions,
  notes: `A value set here overrides the one that the node reports of itself, also at later registrations.`,
  examples: ['runner node set build-3 --group prod --capabilities container,gpu'],
  action: async (options, [which], env) => {
    const { group: runner_group, capabilities, taints } = options
    const body = defined({ runner_group, capabilities, taints })
    if (Object.keys(body).length === 0)
      return refuseUsage('say what to set: --group, --capabilities or --taints')
    return change(options, which, body, env, settingsText)
  },
})

export const command = defineGroup({
  description: 'list the nodes, which are the hosts that take jobs, and say what they may do',
  own: 'list',
  commands: { list, enable, disable, delete: remove, undelete, set, taint, untaint, capacity },
})
