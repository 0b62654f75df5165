import type { Reservation } from '../protocol/messages.ts'
import { fail, ok, type Result } from '../result.ts'
import type { Context } from './context.ts'
import { confidential, reservationParts } from './definitions.ts'
import { settingsOf } from './runner-facts.ts'
import type { DefinitionRow, ExecutionRow, RunnerRow } from './store/store.ts'

/** Opens the data key of a runner's session in force. */
export function dataKeyOf(ctx: Context, runner: RunnerRow): Buffer {
  if (runner.data_key === null) throw new Error(`runner ${runner.id} has no session`)
  return Buffer.from(ctx.keys.openAtRest(runner.data_key), 'base64')
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
    ...(row.owner !== undefined && { domain: ctx.keys.domainOf(row.owner) }),
    ...(reuse && { reuse }),
    job_name: row.job_name,
    group: row.group,
    attempt: row.attempt,
    image: row.image,
    ...(command && { command }),
    ...(args && { args }),
    ...(env && { env }),
    input,
    secret_values,
    ...(max_time_seconds !== undefined && { max_time_seconds }),
    abort_timeout_seconds:
      row.abort_timeout_seconds ?? settingsOf(ctx.settings, runner).abort_timeout_seconds,
    ...(abort_signal && { abort_signal }),
    confirm_within_seconds: left,
  })
}
