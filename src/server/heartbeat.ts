/* What a runner says of itself, and what it is told: all that is so, not only what has changed. */
import type { ChannelState, Heartbeat, HeartbeatAnswer, Reservation } from '../protocol/messages.ts'
import { put, putBack, supersedePrevious, withdrawNext } from './attempts.ts'
import type { Caller, Context } from './context.ts'
import { electGroup } from './election.ts'
import { candidacy, roleOf, suits } from './eligibility.ts'
import { adopt, hasEnded, isProvisional, renew, revive } from './executions.ts'
import { hasWholeLog, logOf } from './log-rows.ts'
import { reservationFor } from './reservation.ts'
import { groupOf, settingsOf } from './runner-facts.ts'
import { StoreFailure } from './store/failure.ts'
import type { ExecutionRow, Reader, RunnerRow, Writer } from './store/store.ts'

/** What is known of a runner's connection beside its message. */
export interface Link {
  /** A reserve of its session waits. */
  polling: boolean
  /** Its clock less the server's; null where it did not say. */
  clock_difference_seconds: number | null
}

/**
 * Renews the leases of what a runner lists, and brings back what was lost of it, or forgotten by a restored backup.
 * Needs no fsync, since the next heartbeat says the same again, unless something is gone: the runner forgets it, and with
 * it a result that may not be on disk yet.
 */
export async function heartbeat(
  tx: Writer,
  ctx: Context,
  caller: Caller,
  message: Heartbeat,
  link: Link,
): Promise<HeartbeatAnswer> {
  const runner = await noteHeartbeat(tx, ctx, await runnerOf(tx, caller), message, link)
  const answer = { leases: {} as Record<string, number>, gone: [] as string[], unknown: [] as string[] }
  const until = tx.watched + ctx.settings.lease_seconds * 1000
  for (const id of new Set(message.executions)) {
    const row = await readable(tx, id)
    if (row === undefined) answer.unknown.push(id)
    else if (row.state === 'queued' && row.kind !== 'script' && suits(runner, row)) {
      const { id: runner_id, name: node_name, session } = runner
      await supersedePrevious(tx, row)
      put(tx, adopt(row, { runner_id, node_name, session }, tx, ctx.settings))
      answer.leases[id] = ctx.settings.lease_seconds
    } else if (row.runner_id !== caller.runner_id) answer.gone.push(id)
    else if (row.state === 'running' || row.state === 'aborting') {
      tx.putExecution(renew(row, until))
      answer.leases[id] = ctx.settings.lease_seconds
    } else if (isProvisional(row)) {
      await withdrawNext(tx, row)
      put(tx, revive(row, until))
      answer.leases[id] = ctx.settings.lease_seconds
    } else if (hasEnded(row) && !(await awaitsLog(tx, row))) answer.gone.push(id)
  }
  if (answer.gone.length > 0) tx.durably()
  const held = await tx.heldBy([runner.id])
  for (const row of held)
    if (row.state === 'reserved' && row.kind !== 'script' && row.session !== caller.session) putBack(tx, row)
  return { ...(await stateFor(tx, ctx, runner, held)), ...answer }
}

/** One whose row is damaged is as good as unknown: what else the runner holds must not suffer from it. */
async function readable(tx: Reader, id: string): Promise<ExecutionRow | undefined> {
  try {
    return await tx.execution(id)
  } catch (error) {
    if (error instanceof StoreFailure && error.reason === 'damaged') return undefined
    throw error
  }
}

/** The rest of its log is still taken; then the runner must keep it. */
async function awaitsLog(tx: Reader, row: ExecutionRow): Promise<boolean> {
  return row.result !== null && !hasWholeLog(await logOf(tx, row))
}

async function noteHeartbeat(
  tx: Writer,
  ctx: Context,
  before: RunnerRow,
  { state, free_slots, executors }: Heartbeat,
  { polling, clock_difference_seconds }: Link,
): Promise<RunnerRow> {
  const until = tx.watched + ctx.settings.lease_seconds * 1000
  const runner: RunnerRow = {
    ...before,
    state,
    free_slots,
    executors,
    clock_difference_seconds: clock_difference_seconds ?? before.clock_difference_seconds,
    seen_until: until,
    reserve_until: polling ? until : before.reserve_until,
    last_heartbeat_at: tx.now,
    back_until: null,
  }
  tx.putRunner(runner)
  const couldLead = candidacy(before, tx.watched).length === 0
  if (couldLead === (candidacy(runner, tx.watched).length === 0)) return runner
  await electGroup(tx, ctx, groupOf(runner))
  tx.notify({ about: 'slot', runner_id: runner.id })
  return runner
}

/** All that concerns a runner now: the first event of its command channel. */
export async function channelState(tx: Reader, ctx: Context, caller: Caller): Promise<ChannelState> {
  const runner = await runnerOf(tx, caller)
  return stateFor(tx, ctx, runner, await tx.heldBy([runner.id]))
}

async function stateFor(
  tx: Reader,
  ctx: Context,
  runner: RunnerRow,
  held: readonly ExecutionRow[],
): Promise<ChannelState> {
  return {
    settings: settingsOf(ctx.settings, runner),
    role: roleOf(runner, await tx.group(groupOf(runner))),
    abort: held.filter(row => row.state === 'aborting').map(row => row.id),
    scripts: await scriptsOf(tx, ctx, runner, held),
  }
}

/** The scripts it is to run. One that cannot be handed out is left to its deadline. */
async function scriptsOf(
  tx: Reader,
  ctx: Context,
  runner: RunnerRow,
  held: readonly ExecutionRow[],
): Promise<Reservation[]> {
  const scripts = held.filter(row => row.kind === 'script' && row.state === 'reserved')
  if (scripts.length === 0) return []
  const definitions = await tx.definitions(scripts.map(row => row.group))
  return scripts.flatMap(row => {
    const reservation = reservationFor(ctx, row, definitions.get(row.group), runner, tx.watched)
    return reservation.ok ? reservation.value : []
  })
}

/** A runner says that it goes: its leases last until it is back, at least; it gets nothing more until it is. */
export async function leave(
  tx: Writer,
  ctx: Context,
  caller: Caller,
  { back_within_seconds }: { back_within_seconds: number },
): Promise<void> {
  const runner = await runnerOf(tx, caller)
  const back_until = tx.watched + back_within_seconds * 1000
  tx.putRunner({ ...runner, state: 'left', back_until })
  for (const row of await tx.heldBy([runner.id]))
    if (row.state !== 'reserved') tx.putExecution(renew(row, Math.max(row.deadline ?? 0, back_until)))
    else if (row.kind !== 'script') putBack(tx, row)
  await electGroup(tx, ctx, groupOf(runner))
}

async function runnerOf(tx: Reader, caller: Caller): Promise<RunnerRow> {
  const runner = await tx.runner(caller.runner_id)
  if (runner === undefined) throw new Error(`runner ${caller.runner_id} is not there`)
  return runner
}
