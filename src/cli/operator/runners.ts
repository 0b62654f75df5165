import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import type { Client } from '../../protocol/client.ts'
import type { ClientFailure } from '../../protocol/client-failure.ts'
import type { Runner, RunnerPatch } from '../../protocol/messages.ts'
import { columns } from '../../report/columns.ts'
import { seconds } from '../../report/describe.ts'
import { fail, ok, type Result } from '../../result.ts'
import { print, sayError } from '../say.ts'
import { type ConnectOptions, printJson, sayFailure, tableWidth, withClient } from './connect.ts'
import { isId } from './ids.ts'
import { collect } from './pages.ts'

export interface RunnersListOptions extends ConnectOptions {
  group?: string
}

/** `runner runners list`. */
export function runnersListCommand(options: RunnersListOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const list = await allRunners(client, options.group)
    if (!list.ok) return sayFailure(list.failure)
    if (options.json) printJson(list.value)
    else print(runnersText(list.value, systemClock.now()))
    return exitStatus.ok
  })
}

function allRunners(client: Client, group?: string): Promise<Result<Runner[], ClientFailure>> {
  const filter = group === undefined ? {} : { runner_group: group }
  return collect(page => client.call('listRunners', { query: { ...filter, ...page } }))
}

function runnersText(runners: readonly Runner[], now: Date): string {
  if (runners.length === 0) return 'no runners\n'
  const rows = runners.map(runner => [
    runner.id,
    runner.name,
    runner.enabled || runner.deleted ? runner.state : `${runner.state}, disabled`,
    runner.role ?? '',
    runner.runner_group,
    `${runner.running.length}/${runner.capacity}`,
    heard(runner, now),
    runner.taints.join(' '),
    runner.capabilities.join(' '),
  ])
  const head = ['runner', 'name', 'state', 'role', 'group', 'running', 'heard', 'taints', 'capabilities']
  return columns([head, ...rows], tableWidth())
}

function heard({ last_heartbeat_at }: Runner, now: Date): string {
  if (last_heartbeat_at === null) return 'never'
  return `${seconds(Math.max(0, (now.getTime() - Date.parse(last_heartbeat_at)) / 1000))} ago`
}

/** The runner of an id, or of a name that only one has; deleted ones go by their id, or if no other has the name. */
export async function findRunner(client: Client, which: string): Promise<Result<Runner, ClientFailure>> {
  if (isId(which)) return client.call('getRunner', { params: { id: which } })
  const all = await allRunners(client)
  if (!all.ok) return all
  const named = all.value.filter(({ name }) => name === which)
  const living = named.filter(({ deleted }) => !deleted)
  const [found, other] = living.length > 0 ? living : named
  if (found === undefined)
    return fail({
      reason: 'not-found',
      status: 404,
      message: `there is no runner ${which}; \`runner runners\` lists them`,
    })
  if (other === undefined) return ok(found)
  const message = `several runners are called ${which}: name one by its id; \`runner runners\` lists them`
  return fail({ reason: 'malformed', status: 400, message })
}

export interface RunnerOptions extends ConnectOptions {
  runner: string
}

/** Changes a runner, and says what it is then. */
function change(options: RunnerOptions, env: NodeJS.ProcessEnv, body: RunnerPatch): Promise<number> {
  return withClient(options, env, async client => {
    const found = await findRunner(client, options.runner)
    if (!found.ok) return sayFailure(found.failure)
    const patched = await client.call('patchRunner', { params: { id: found.value.id }, body })
    if (!patched.ok) return sayFailure(patched.failure)
    if (options.json) printJson(patched.value)
    else if (!options.quiet) print(runnersText([patched.value], systemClock.now()))
    return exitStatus.ok
  })
}

export const runnersEnableCommand = (options: RunnerOptions, env: NodeJS.ProcessEnv) =>
  change(options, env, { enabled: true })

export const runnersDisableCommand = (options: RunnerOptions, env: NodeJS.ProcessEnv) =>
  change(options, env, { enabled: false })

export const runnersUndeleteCommand = (options: RunnerOptions, env: NodeJS.ProcessEnv) =>
  change(options, env, { deleted: false })

export const runnersCapacityCommand = (options: RunnerOptions & { slots: number }, env: NodeJS.ProcessEnv) =>
  change(options, env, { capacity: options.slots })

export interface TaintOptions extends RunnerOptions {
  taints: string[]
}

export const runnersTaintCommand = (options: TaintOptions, env: NodeJS.ProcessEnv) =>
  change(options, env, { add_taints: options.taints })

/** Without taints named: all of them. */
export const runnersUntaintCommand = (options: TaintOptions, env: NodeJS.ProcessEnv) =>
  change(options, env, options.taints.length === 0 ? { taints: [] } : { remove_taints: options.taints })

/** `runner runners delete`: its executions that have not ended are aborted. */
export function runnersDeleteCommand(options: RunnerOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const found = await findRunner(client, options.runner)
    if (!found.ok) return sayFailure(found.failure)
    const { id, name } = found.value
    const deleted = await client.call('deleteRunner', { params: { id } })
    if (!deleted.ok) return sayFailure(deleted.failure)
    if (options.json) printJson({ deleted: id })
    else if (!options.quiet)
      sayError(`runner: ${name} (${id}) is deleted; \`runner runners undelete ${id}\` allows it again\n`)
    return exitStatus.ok
  })
}
