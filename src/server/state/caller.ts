import { ok, type Result } from '../../result.ts'
import type { Reader } from '../../store/reader.ts'
import type { TokenRow } from '../../store/rows.ts'
import type { PendingSession, RunnerRow } from '../../store/runner-row.ts'
import type { Writer } from '../../store/writer.ts'
import type { Caller, Context } from '../rules/context.ts'
import { groupOf, isConnected } from '../rules/effective.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { electGroup } from './election.ts'
import { ensureGroup } from './groups.ts'
import { nameHolder } from './runner-names.ts'

export async function runnerOf(tx: Reader, caller: Caller): Promise<RunnerRow> {
  const runner = await tx.runner(caller.runner_id)
  if (runner === undefined) throw new Error(`runner ${caller.runner_id} is not there`)
  return runner
}

/**
 * Finds the calling runner by its token and its header `Runner-Session`. The first call of a session
 * brings it in force, and older ones are superseded from then on; every call keeps the runner connected.
 */
export async function callerOf(
  tx: Writer,
  ctx: Context,
  token: TokenRow,
  header: number | undefined,
  runnerIdInPath?: string,
): Promise<Result<Caller, Refusal>> {
  const { runner_id: id, session } = token
  if (id === null || session === null)
    return refuse('wrong-token-kind', 'this call takes the token of a runner')
  if (runnerIdInPath !== undefined && runnerIdInPath !== id)
    return refuse('not-yours', 'the token belongs to another runner')
  if (header === undefined) return refuse('malformed', 'the header Runner-Session is missing')
  const runner = await tx.runner(id)
  if (runner === undefined) return refuse('bad-token', 'the runner of this token is not known here')
  if (runner.deleted_at !== null)
    return refuse('deleted', 'an operator deleted this runner; `runner node undelete` allows it again')
  if (header > session)
    return refuse('malformed', `Runner-Session is ${header}; the token belongs to session ${session}`)
  const pending = runner.pending.find(candidate => candidate.session === session)
  if (header < session || (session !== runner.session && (session < runner.session || pending === undefined)))
    return refuse('session-superseded', 'a newer session of this runner has registered')
  await (pending === undefined ? keepConnected(tx, ctx, runner) : bringInForce(tx, ctx, runner, pending))
  return ok({ runner_id: id, session })
}

/**
 * Moves the end of the connection where it moves by more than a sixth of a lease: not every call writes a
 * row.
 */
async function keepConnected(tx: Writer, ctx: Context, runner: RunnerRow): Promise<void> {
  const lease = ctx.settings.lease_seconds * 1000
  if (tx.watched + lease - runner.seen_until <= lease / 6) return
  const now = { ...runner, seen_until: tx.watched + lease }
  tx.putRunner(now)
  if (isConnected(runner, tx.watched) === isConnected(now, tx.watched)) return
  tx.notify({ about: 'runner', id: runner.id })
  await electGroup(tx, ctx, groupOf(runner))
}

async function bringInForce(
  tx: Writer,
  ctx: Context,
  runner: RunnerRow,
  { token_id: _, ...facts }: PendingSession,
): Promise<void> {
  const now: RunnerRow = {
    ...runner,
    host: {},
    features: [],
    credentials_until: null,
    ...facts,
    // Another runner may have taken the new name since the registration.
    name: (await nameHolder(tx, facts.name, runner)) === undefined ? facts.name : runner.name,
    pending: runner.pending.filter(other => other.session > facts.session),
    seen_until: tx.watched + ctx.settings.lease_seconds * 1000,
    // The earlier session reported these.
    reserve_until: 0,
    state: 'ready',
    back_until: null,
    free_slots: null,
    executors: [],
  }
  tx.durably()
  tx.putRunner(now)
  tx.notify({ about: 'runner', id: runner.id })
  await ensureGroup(tx, groupOf(now))
  for (const group of new Set([groupOf(runner), groupOf(now)])) await electGroup(tx, ctx, group)
}
