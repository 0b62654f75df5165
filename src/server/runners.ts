import type { Runner, RunnerPatch } from '../protocol/messages.ts'
import { ok, type Result } from '../result.ts'
import type { Context } from './context.ts'
import { electGroup } from './election.ts'
import { roleOf } from './eligibility.ts'
import { abort, abortUnheard, isProvisional, supersede } from './executions.ts'
import { ensureGroup } from './groups.ts'
import { all, type Listed, listed, readable, shown, type UnreadableRow, unreadable } from './pages.ts'
import { type Refusal, refuse } from './refusal.ts'
import { capabilitiesOf, groupOf, settingsOf, stateOf, taintsOf } from './runner-facts.ts'
import type { ExecutionRow, GroupRow, Page, Reader, RunnerRow, Writer } from './store/store.ts'
import { time, timeOrNull } from './times.ts'

const mostTaints = 64

/** Runners in pages, the oldest first; those of one group where one is named. */
export async function listRunners(
  tx: Reader,
  ctx: Context,
  page: Page,
  group?: string,
): Promise<Listed<Runner>> {
  const { items, next } = await listed(
    page,
    page => (group === undefined ? tx.listRunners(page, unreadable) : runnersIn(tx, group, page)),
    row => row.id,
  )
  return { items: await runnerViews(tx, ctx, items), next }
}

export async function getRunner(tx: Reader, ctx: Context, id: string): Promise<Result<Runner, Refusal>> {
  const row = await readable(tx.runner(id), id)
  return row === undefined ? noRunner() : ok((await runnerViews(tx, ctx, [row]))[0]!)
}

/** Sets what stands over the runner's own word; `deleted: false` allows a deleted runner to register again. */
export async function patchRunner(
  tx: Writer,
  ctx: Context,
  id: string,
  { deleted, add_taints, remove_taints, ...set }: RunnerPatch,
): Promise<Result<Runner, Refusal>> {
  const row = await tx.runner(id)
  if (row === undefined) return noRunner()
  if (row.deleted_at !== null && deleted === undefined)
    return refuse('deleted', 'the runner was deleted; {"deleted": false} allows it again')
  const undeleted = row.deleted_at === null ? row : await undelete(tx, row)
  const { capabilities } = set
  const sorted = capabilities && { capabilities: capabilities.toSorted() }
  const changed =
    add_taints === undefined && remove_taints === undefined
      ? {}
      : { taints: changedTaints(set.taints ?? taintsOf(row), add_taints, remove_taints) }
  if ((changed.taints?.length ?? 0) > mostTaints)
    return refuse('malformed', `/add_taints: a runner has at most ${mostTaints} taints`)
  await put(tx, ctx, row, { ...undeleted, set: { ...row.set, ...set, ...sorted, ...changed } })
  return getRunner(tx, ctx, id)
}

function changedTaints(taints: string[], add: string[] = [], remove: string[] = []): string[] {
  return [...new Set([...taints, ...add])].filter(taint => !remove.includes(taint))
}

/** Leaves a tombstone, which refuses every call of the runner, and ends what it has not finished. */
export async function deleteRunner(tx: Writer, ctx: Context, id: string): Promise<Result<void, Refusal>> {
  const row = await tx.runner(id)
  if (row === undefined) return noRunner()
  if (row.deleted_at !== null) return ok(undefined)
  for (const execution of await unfinishedOf(tx, id)) await end(tx, execution)
  await put(tx, ctx, row, { ...row, deleted_at: tx.now, seen_until: 0, reserve_until: 0 })
  return ok(undefined)
}

/** Every runner, the oldest first. */
export function allRunners(tx: Reader): AsyncGenerator<RunnerRow> {
  return all(page => tx.listRunners(page))
}

/** What operators see of runners. */
export async function runnerViews(
  tx: Reader,
  ctx: Context,
  rows: readonly (RunnerRow | UnreadableRow)[],
): Promise<Runner[]> {
  const held = Map.groupBy(await tx.heldBy(rows.map(row => row.id)), ({ runner_id }) => runner_id)
  const running = (id: string) => held.get(id)?.map(execution => execution.id) ?? []
  const groups = new Map<string, Promise<GroupRow | undefined>>()
  const groupNamed = (name: string) => {
    const group = groups.get(name) ?? tx.group(name)
    groups.set(name, group)
    return group
  }
  const view = async (row: RunnerRow): Promise<Runner> => {
    const settings = settingsOf(ctx.settings, row)
    return {
      id: row.id,
      name: row.name,
      version: row.version,
      state: stateOf(row, tx.watched),
      enabled: settings.enabled,
      role: roleOf(row, await groupNamed(groupOf(row))),
      runner_group: groupOf(row),
      capabilities: capabilitiesOf(row),
      taints: taintsOf(row),
      metadata: row.said.metadata,
      capacity: settings.capacity,
      eviction_time_seconds: settings.eviction_time_seconds,
      abort_timeout_seconds: settings.abort_timeout_seconds,
      session: row.session,
      created_at: time(row.created_at),
      last_heartbeat_at: timeOrNull(row.last_heartbeat_at),
      clock_difference_seconds: row.clock_difference_seconds,
      executors: row.executors,
      running: running(row.id),
      deleted: row.deleted_at !== null,
    }
  }
  return Promise.all(
    rows.map(row =>
      shown<RunnerRow, Runner>(row, view, problem => ({
        ...{ id: row.id, name: row.id, version: '', state: 'disconnected', enabled: false, role: null },
        ...{ runner_group: 'default', capabilities: [], taints: [], metadata: {}, capacity: 0 },
        ...{ eviction_time_seconds: 0, abort_timeout_seconds: 0, session: 0, created_at: time(0) },
        ...{ last_heartbeat_at: null, clock_difference_seconds: null, executors: [] },
        ...{ running: running(row.id), deleted: false, problem },
      })),
    ),
  )
}

/** Puts a runner, tells it, and elects again in the groups that it is and was in. */
async function put(tx: Writer, ctx: Context, before: RunnerRow, now: RunnerRow): Promise<void> {
  tx.putRunner(now)
  tx.notify({ about: 'runner', id: now.id })
  await ensureGroup(tx, groupOf(now))
  for (const group of new Set([groupOf(before), groupOf(now)])) await electGroup(tx, ctx, group)
}

/** What it had before it was deleted is void: it registers again. */
async function undelete(tx: Writer, row: RunnerRow): Promise<RunnerRow> {
  await tx.deleteRunnerTokens(row.id)
  tx.notify({ about: 'tokens' })
  return { ...row, deleted_at: null }
}

async function unfinishedOf(tx: Reader, id: string): Promise<ExecutionRow[]> {
  const rows = await tx.heldBy([id])
  const lost = all(page => tx.listExecutions({ runner_id: id, states: ['lost'] }, page))
  for await (const row of lost) if (isProvisional(row)) rows.push(row)
  return rows
}

/** Ends an execution of a deleted runner; one that was lost and has a next attempt leaves the rest to that. */
async function end(tx: Writer, row: ExecutionRow): Promise<void> {
  const next = row.next_id === null ? undefined : await tx.execution(row.next_id)
  if (next !== undefined) tx.putExecution({ ...next, previous_id: null })
  tx.putExecution(next === undefined ? abortedNow(row, tx.now) : supersede(row, tx.now))
  tx.notify({ about: 'execution', id: row.id })
}

function abortedNow(row: ExecutionRow, now: number): ExecutionRow {
  const told = abort(row, now)
  if (!told.ok) return row
  const aborted = told.value.state === 'aborting' ? abortUnheard(told.value, now) : told.value
  return { ...aborted, reason: 'runner-deleted', error_message: 'Its runner was deleted' }
}

async function runnersIn(tx: Reader, group: string, { limit, after }: Page): Promise<RunnerRow[]> {
  const runners = (await tx.runnersOf(group))
    .filter(row => groupOf(row) === group)
    .sort((one, other) => one.created_at - other.created_at || (one.id < other.id ? -1 : 1))
  const start = after === undefined ? 0 : runners.findIndex(row => row.id === after) + 1
  return start === 0 && after !== undefined ? [] : runners.slice(start, start + limit)
}

const noRunner = () => refuse('not-found', 'there is no runner with this id')
