/*
 * Scripts: executions that one runner gets over its command channel, reserved before it hears of them. They
 * are never queued, so a script is started once or not at all.
 */

import { ok, type Result } from '../../result.ts'
import type { Reader } from '../../store/reader.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import type { RunnerRow } from '../../store/runner-row.ts'
import type { Writer } from '../../store/writer.ts'
import { noRunner } from '../rules/absent.ts'
import type { Context } from '../rules/context.ts'
import { capabilitiesOf, capacityOf, groupOf } from '../rules/effective.ts'
import { candidacy, hindranceTexts } from '../rules/eligibility.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { reserve } from '../rules/transitions.ts'
import { admit } from './admission.ts'
import type { Stored } from './definitions.ts'
import type { AskedBy } from './idempotency.ts'
import { type ExecutionOrigin, newExecution } from './new-execution.ts'
import { all } from './pages.ts'

/** The capability that a runner of scripts must have. */
const capability = 'remote-script'

/** Reserves the definition of an earlier script for the same runner again. */
export async function rerunScript(
  tx: Writer,
  ctx: Context,
  before: ExecutionRow,
  definition: Stored,
  by: Pick<AskedBy, 'token_id'>,
): Promise<Result<ExecutionRow, Refusal>> {
  return handOver(tx, ctx, definition, before.target_runner_id ?? undefined, before, by)
}

/**
 * Reserves a script for the named runner, or for the one that has the most free slots, and notifies that
 * runner.
 */
export async function handOver(
  tx: Writer,
  ctx: Context,
  { body, sealed }: Stored,
  runnerId: string | undefined,
  { namespace, owner }: Pick<ExecutionOrigin, 'namespace' | 'owner'>,
  by: Pick<AskedBy, 'token_id'>,
): Promise<Result<ExecutionRow, Refusal>> {
  const admitted = await admit(tx, ctx, { namespace, image: body.image }, by.token_id)
  if (!admitted.ok) return admitted
  const found = runnerId === undefined ? await choose(tx) : await named(tx, runnerId)
  if (!found.ok) return found
  const runner = found.value
  const queued: ExecutionRow = {
    ...newExecution(tx, ctx, { body, sealed }, { job_name: null, namespace, owner, submitter: null }),
    kind: 'script',
    runner_group: groupOf(runner),
    capabilities: [capability],
    target_runner_id: runner.id,
  }
  const { id: runner_id, name: node_name, session } = runner
  const row = reserve(
    queued,
    { runner_id, node_name, session, lease_id: ctx.keys.leaseOf(queued, runner_id) },
    tx,
    ctx.settings,
  )
  tx.putDefinition({ group: row.group, body, sealed })
  tx.putExecution(row)
  tx.notify({ about: 'runner', id: runner_id })
  return ok(row)
}

/**
 * Finds the runner that an operator names. It gets a script even with a taint: the script may look for the
 * reason of the taint.
 */
async function named(tx: Reader, id: string): Promise<Result<RunnerRow, Refusal>> {
  const runner = await tx.runner(id)
  if (runner === undefined) return noRunner()
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
  for await (const runner of all(page => tx.listRunners(page)))
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

/** The number of further executions that each runner may hold. */
async function freeSlots(tx: Reader, runners: RunnerRow[]): Promise<number[]> {
  const held = new Map<string | null, number>()
  for (const { runner_id } of await tx.heldBy(runners.map(runner => runner.id)))
    held.set(runner_id, (held.get(runner_id) ?? 0) + 1)
  return runners.map(runner => capacityOf(runner) - (held.get(runner.id) ?? 0))
}
