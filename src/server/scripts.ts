/*
 * Scripts: executions that one runner gets over its command channel, reserved before it hears of them. They are
 * never queued, so a script is started once or not at all.
 */
import type { Execution, Script } from '../protocol/messages.ts'
import { ok, type Result } from '../result.ts'
import { type Context, newId } from './context.ts'
import { type Stored, storeDefinition } from './definitions.ts'
import { candidacy } from './eligibility.ts'
import { reserve } from './executions.ts'
import { newExecution } from './new-execution.ts'
import { type Refusal, refuse } from './refusal.ts'
import { capabilitiesOf, capacityOf, groupOf } from './runner-facts.ts'
import { allRunners } from './runners.ts'
import type { ExecutionRow, Reader, RunnerRow, Writer } from './store/store.ts'
import { newView } from './views.ts'
import { hindranceTexts } from './waiting.ts'

/** What a runner must be able to do. */
const capability = 'remote-script'

/** Reserves a script for the runner that is named, or for the one that has the most free slots; and tells it. */
export async function submitScript(
  tx: Writer,
  ctx: Context,
  { image, command, input, runner_id }: Script,
  owner?: string,
): Promise<Result<Execution, Refusal>> {
  const stored = storeDefinition({ image, command, ...(input && { input }) }, ctx.keys)
  if (!stored.ok) return stored
  const row = await handOver(tx, ctx, stored.value, runner_id, owner)
  return row.ok ? ok(newView(row.value)) : row
}

/** Reserves what a script ran for the same runner again. */
export async function rerunScript(
  tx: Writer,
  ctx: Context,
  before: ExecutionRow,
  definition: Stored,
): Promise<Result<ExecutionRow, Refusal>> {
  return handOver(tx, ctx, definition, before.target_runner_id ?? undefined, before.owner)
}

async function handOver(
  tx: Writer,
  ctx: Context,
  { body, sealed }: Stored,
  runnerId: string | undefined,
  owner: string | undefined,
): Promise<Result<ExecutionRow, Refusal>> {
  const found = runnerId === undefined ? await choose(tx) : await named(tx, runnerId)
  if (!found.ok) return found
  const runner = found.value
  const queued: ExecutionRow = {
    ...newExecution(tx, ctx, { body, sealed }, null, owner),
    kind: 'script',
    runner_group: groupOf(runner),
    capabilities: [capability],
    target_runner_id: runner.id,
  }
  const { id: runner_id, name: node_name, session } = runner
  const row = reserve(
    queued,
    { runner_id, node_name, session, lease_id: newId(ctx.chance, tx.now) },
    tx,
    ctx.settings,
  )
  tx.putDefinition({ group: row.group, body, sealed })
  tx.putExecution(row)
  tx.notify({ about: 'runner', id: runner_id })
  return ok(row)
}

/** A runner that an operator names gets a script with a taint, too: it may be there to find out about that. */
async function named(tx: Reader, id: string): Promise<Result<RunnerRow, Refusal>> {
  const runner = await tx.runner(id)
  if (runner === undefined) return refuse('not-found', 'there is no runner with this id')
  const hindrance = candidacy(runner, tx.watched).find(name => name !== 'tainted')
  if (hindrance === 'deleted') return refuse('deleted', `runner ${runner.name} was deleted`)
  if (hindrance !== undefined)
    return refuse('runner-unavailable', `runner ${runner.name} is ${hindranceTexts[hindrance]}`)
  if (!capabilitiesOf(runner).includes(capability))
    return refuse('runner-unavailable', `runner ${runner.name} has no capability ${capability}`)
  const [free] = await freeSlots(tx, [runner])
  return free! > 0 ? ok(runner) : refuse('runner-busy', `runner ${runner.name} has no free slot`)
}

async function choose(tx: Reader): Promise<Result<RunnerRow, Refusal>> {
  const runners: RunnerRow[] = []
  for await (const runner of allRunners(tx))
    if (capabilitiesOf(runner).includes(capability) && candidacy(runner, tx.watched).length === 0)
      runners.push(runner)
  if (runners.length === 0)
    return refuse(
      'runner-unavailable',
      `no enabled, connected runner without a taint has capability ${capability}`,
    )
  const free = await freeSlots(tx, runners)
  const most = Math.max(...free)
  return most > 0
    ? ok(runners[free.indexOf(most)]!)
    : refuse('runner-busy', `every runner with capability ${capability} is full`)
}

/** How many more executions each runner may hold. */
async function freeSlots(tx: Reader, runners: RunnerRow[]): Promise<number[]> {
  const held = new Map<string | null, number>()
  for (const { runner_id } of await tx.heldBy(runners.map(runner => runner.id)))
    held.set(runner_id, (held.get(runner_id) ?? 0) + 1)
  return runners.map(runner => capacityOf(runner) - (held.get(runner.id) ?? 0))
}
