import { createPublicKey, randomBytes } from 'node:crypto'
import type { Credentials, Registered, Registration } from '../protocol/messages.ts'
import { isRunnerKey, sealFor } from '../protocol/seal.ts'
import { ok, type Result } from '../result.ts'
import type { Caller, Context } from './context.ts'
import { ensureGroup } from './groups.ts'
import { type Refusal, refuse } from './refusal.ts'
import { groupOf, settingsOf } from './runner-facts.ts'
import type { Moment, PendingSession, RunnerRow, Writer } from './store/store.ts'
import { time } from './times.ts'
import { newToken } from './tokens.ts'

/** Whose token a registration carries. */
export type Registrar = { kind: 'registration' } | ({ kind: 'runner' } & Caller)

/** Registrations kept for a first call; of more the oldest come to nothing. */
const mostPending = 16

/**
 * Gives a runner a new session, which is pending: whoever holds the private key brings it in force by a first call
 * with the new token (session.ts), and until then everything stays as it was. What operators set is never touched.
 */
export async function register(
  tx: Writer,
  ctx: Context,
  message: Registration,
  by: Registrar,
): Promise<Result<Registered, Refusal>> {
  const publicKey = normalKey(message.public_key)
  if (publicKey === undefined)
    return refuse('malformed', 'public_key must be an RSA key of 3072 bits as SPKI in PEM')
  if (by.kind === 'runner' && by.runner_id !== message.uuid)
    return refuse('not-yours', 'the token of a runner registers this runner only')
  const known = await tx.runner(message.uuid)
  if (known !== undefined && known.public_key !== publicKey)
    return refuse(
      'identity-taken',
      'make a new identity for this runner: another key has registered its UUID',
    )
  if (known !== undefined && known.deleted_at !== null)
    return refuse('deleted', 'an operator deleted this runner; `runner runners undelete` allows it again')
  if (by.kind === 'runner' && by.session < (known?.session ?? 0))
    return refuse('session-superseded', 'a newer session of this runner is in force')

  const dataKey = randomBytes(32).toString('base64')
  const runner = known ?? newRunner(message, publicKey, tx)
  const session = Math.max(runner.session, runner.pending.at(-1)?.session ?? 0) + 1
  const token = newToken(tx, ctx, { kind: 'runner', name: message.name, runner_id: runner.id, session })
  const pending = [
    ...runner.pending,
    { session, token_id: token.row.id, data_key: ctx.keys.sealAtRest(dataKey), ...saidBy(message) },
  ]
  for (const { token_id } of pending.slice(0, -mostPending)) await tx.deleteToken(token_id)
  tx.putRunner({ ...runner, pending: pending.slice(-mostPending) })
  if (known === undefined) await ensureGroup(tx, groupOf(runner))
  const credentials: Credentials = { token: token.text, data_key: dataKey }
  return ok({
    runner_id: runner.id,
    session,
    created_at: time(runner.created_at),
    credentials: sealFor(publicKey, JSON.stringify(credentials)),
    settings: settingsOf(ctx.settings, runner),
  })
}

/** A key in the one form in which two of them can be compared; undefined where it is none that runners may have. */
function normalKey(pem: string): string | undefined {
  if (!isRunnerKey(pem)) return undefined
  const key = createPublicKey(pem).export({ type: 'spki', format: 'pem' }).toString()
  try {
    // What the key says of itself can be absurd, its exponent for example.
    sealFor(key, '')
    return key
  } catch {
    return undefined
  }
}

/** What a registration says of a runner, in force from the first call on. */
function saidBy(message: Registration): Pick<PendingSession, 'name' | 'version' | 'said'> {
  return {
    name: message.name,
    version: message.version,
    said: {
      capabilities: message.capabilities.toSorted(),
      runner_group: message.runner_group,
      taints: message.taints ?? [],
      metadata: message.metadata ?? {},
    },
  }
}

function newRunner(message: Registration, publicKey: string, { now, watched }: Moment): RunnerRow {
  return {
    id: message.uuid,
    ...saidBy(message),
    public_key: publicKey,
    created_at: now,
    set: {},
    session: 0,
    data_key: null,
    pending: [],
    seen_until: 0,
    reserve_until: 0,
    last_heartbeat_at: null,
    state: 'ready',
    back_until: null,
    free_slots: null,
    executors: [],
    clock_difference_seconds: null,
    misses: 0,
    unhealthy_until: null,
    looked_at: watched,
    deleted_at: null,
  }
}
