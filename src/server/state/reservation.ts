import type { Reservation } from '../../protocol/messages/reservations.ts'
import { defined, fail, ok, type Result } from '../../result.ts'
import { type DefinitionRow, defaultNamespace, type ExecutionRow } from '../../store/rows.ts'
import type { RunnerRow } from '../../store/runner-row.ts'
import type { Context } from '../rules/context.ts'
import { settingsOf } from '../rules/effective.ts'
import { digestToRun } from '../rules/image-digest.ts'
import { confidential, reservationParts } from './definitions.ts'

/** Opens the data key of a runner's session in force. */
export function dataKeyOf(ctx: Context, runner: RunnerRow): Buffer {
  if (runner.data_key === null) throw new Error(`runner ${runner.id} has no session`)
  return Buffer.from(ctx.keys.openAtRest(runner.data_key), 'base64')
}

/**
 * The trust domain of an execution: of the token that answers for it, in its namespace. Undefined where no
 * token does.
 */
function domainOf({ keys }: Context, { owner, namespace }: ExecutionRow): string | undefined {
  if (owner === null) return undefined
  return keys.domainOf(namespace === defaultNamespace ? owner : `${owner} in ${namespace}`)
}

/** A reserved execution as its runner gets it; fails where its definition is missing or cannot be opened. */
export function reservationFor(
  ctx: Context,
  row: ExecutionRow,
  definition: DefinitionRow | undefined,
  runner: RunnerRow,
  watched: number,
): Result<Reservation, 'definition-missing' | 'definition-unreadable'> {
  if (definition === undefined) return fail('definition-missing')
  if (row.lease_id === null) throw new Error(`execution ${row.id} is not reserved`)
  let parts: ReturnType<typeof confidential>
  try {
    parts = confidential(definition, ctx.keys)
  } catch {
    return fail('definition-unreadable')
  }
  const { command, args, max_time_seconds, abort_signal, reuse } = definition.body
  const { env, input, secret_values } = reservationParts(parts, () => dataKeyOf(ctx, runner))
  const left = Math.max(0, ((row.deadline ?? watched) - watched) / 1000)
  return ok({
    execution_id: row.id,
    lease_id: row.lease_id,
    kind: row.kind,
    ...defined({ domain: domainOf(ctx, row), reuse }),
    job_name: row.job_name,
    group: row.group,
    attempt: row.attempt,
    image: row.image,
    ...defined({ image_digest: digestToRun(row), command, args, env }),
    input,
    secret_values,
    ...defined({ max_time_seconds }),
    abort_timeout_seconds:
      row.abort_timeout_seconds ?? settingsOf(ctx.settings, runner).abort_timeout_seconds,
    ...defined({ abort_signal }),
    confirm_within_seconds: left,
  })
}
