/* Whether a namespace may have one more execution, or more of a log or an output, by its rules and quotas. */
import { fail, ok, type Result } from '../../result.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import { counted } from '../../system/counted.ts'
import type { Context, Memory } from '../rules/context.ts'
import { allowsImage, rulesFor } from '../rules/namespace-rules.ts'
import type { Refusal } from '../rules/refusal.ts'
import { settingsIn } from './settings.ts'

const minute = 60_000
const hour = 60 * minute

/** Seconds after which a full queue is worth another look. */
const queueWait = 10

/**
 * Admits a new execution that a token asks for, and counts it; refuses it where a rule of its namespace does
 * not allow its image, or a quota is used up. Rates are counted in memory: a new start of the server begins
 * anew.
 */
export async function admit(
  tx: Writer,
  ctx: Context,
  { namespace, image }: Pick<ExecutionRow, 'namespace' | 'image'>,
  tokenId: string,
): Promise<Result<void, Refusal>> {
  const rules = rulesFor(await settingsIn(tx, ctx), namespace)
  const allowed = allowsImage(rules, image, namespace)
  if (!allowed.ok) return allowed
  const { queued, submits_per_minute, token_submits_per_minute } = rules
  if (queued !== undefined && (await tx.countQueued(namespace, queued)) >= queued)
    return usedUp(
      `namespace ${namespace} has ${counted(queued, 'execution')} queued, as many as it may`,
      queueWait,
    )
  const windows = [
    { of: `namespace ${namespace}`, key: `submits ${namespace}`, limit: submits_per_minute },
    { of: 'this token', key: `submits ${namespace} ${tokenId}`, limit: token_submits_per_minute },
  ].flatMap(({ of, key, limit }) =>
    limit === undefined ? [] : { of, limit, window: windowOf(ctx.memory, key, minute, tx.watched) },
  )
  for (const { of, limit, window } of windows)
    if (window.used >= limit)
      return usedUp(
        `${of} has asked for ${counted(limit, 'execution')} in a minute, as many as it may`,
        window.left,
      )
  for (const { window } of windows) window.used++
  return ok(undefined)
}

const byteRules = { log: 'log_bytes_per_hour', output: 'output_bytes_per_hour' } as const

/**
 * Admits bytes of a log or an output, and counts them; the runner keeps what is refused, and sends it later.
 */
export async function admitBytes(
  tx: Writer,
  ctx: Context,
  { namespace }: ExecutionRow,
  what: keyof typeof byteRules,
  bytes: number,
): Promise<Result<void, Refusal>> {
  const { [byteRules[what]]: limit } = rulesFor(await settingsIn(tx, ctx), namespace)
  if (limit === undefined) return ok(undefined)
  const window = windowOf(ctx.memory, `${what} ${namespace}`, hour, tx.watched)
  // One chunk or output more than fits is taken, so that none which is larger than the limit waits for ever.
  if (window.used >= limit)
    return usedUp(
      `namespace ${namespace} has sent ${limit} bytes of ${what}s in an hour, as many as it may`,
      window.left,
    )
  window.used += bytes
  return ok(undefined)
}

function usedUp(detail: string, seconds: number): Result<never, Refusal> {
  return fail({ reason: 'quota-used-up', detail, retry_after: Math.max(1, Math.ceil(seconds)) })
}

/** Quotas that are counted at once; beyond this number all begin anew. */
const mostWindows = 100_000

/** The use of a quota in the present span of watched time, and the seconds that are left of the span. */
function windowOf(
  { quotas }: Memory,
  key: string,
  span: number,
  watched: number,
): { used: number; left: number } {
  const before = quotas.get(key)
  // A late sweep sets the watched time back by some seconds, perhaps to before the beginning of the span.
  if (before !== undefined && watched < before.began + span) {
    before.left = Math.min(span, before.began + span - watched) / 1000
    return before
  }
  if (quotas.size >= mostWindows) quotas.clear()
  const window = { began: watched, used: 0, left: span / 1000 }
  quotas.set(key, window)
  return window
}
