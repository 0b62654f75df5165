/* The report of a runner, and the answer: its whole state, not only the changes. */

import type { Heartbeat, HeartbeatAnswer } from '../../protocol/messages/heartbeats.ts'
import { defined } from '../../result.ts'
import type { Reader } from '../../store/reader.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import type { RunnerRow } from '../../store/runner-row.ts'
import type { Writer } from '../../store/writer.ts'
import type { Caller, Context } from '../rules/context.ts'
import { groupOf } from '../rules/effective.ts'
import { candidacy, mayAdopt } from '../rules/eligibility.ts'
import { withReportedDigest } from '../rules/image-digest.ts'
import { hasWholeLog, logOf } from '../rules/log-row.ts'
import {
  adopt,
  hasEnded,
  isHandedOut,
  isProvisional,
  isRecalled,
  recall,
  renew,
  revive,
} from '../rules/transitions.ts'
import { put, putBack, supersedePrevious, withdrawNext } from '../state/attempts.ts'
import { runnerOf } from '../state/caller.ts'
import { channelStateOf } from '../state/channel-state.ts'
import { electGroup } from '../state/election.ts'
import { advanceBehind } from '../state/lines.ts'
import { ifReadable } from '../state/unreadable.ts'

/** The facts of a runner's connection that are not in its message. */
export interface Link {
  /** A reserve of its session waits. */
  polling: boolean
  /** Its clock less the server's; null where the runner did not report it. */
  clock_difference_seconds: number | null
}

/**
 * Renews the leases of the executions that a runner lists, and brings back those that were lost, or forgotten
 * by a restored backup. Needs no fsync, since the next heartbeat says the same again, unless an execution is
 * gone: the runner then drops it, and with it a result that may not be on disk yet.
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
  const confirm: string[] = []
  const notStarted = new Map<string, string>()
  const until = tx.watched + ctx.settings.lease_seconds * 1000
  for (const id of new Set(message.executions)) {
    // One whose row is damaged counts as unknown.
    const row = await ifReadable(tx.execution(id))
    if (row === undefined) answer.unknown.push(id)
    else if (isRecalled(row) || (row.state === 'queued' && (await takeUp(tx, ctx, runner, row)))) {
      // A runner that lists it is asked: only the lease, which one runner has, proves that it is right.
      if (runner.features.includes('confirm')) confirm.push(id)
      else if (!isRecalled(row)) answer.leases[id] = ctx.settings.lease_seconds
    } else if (row.runner_id !== caller.runner_id) answer.gone.push(id)
    else if (row.state === 'running' || row.state === 'aborting') {
      tx.putExecution(renew(withReportedDigest(row, message.image_digests?.[id]), until))
      answer.leases[id] = ctx.settings.lease_seconds
      const why = message.not_started?.[id]
      if (why !== undefined) notStarted.set(id, why)
    } else if (isProvisional(row)) {
      await withdrawNext(tx, ctx, row)
      await put(tx, ctx, revive(withReportedDigest(row, message.image_digests?.[id]), until))
      answer.leases[id] = ctx.settings.lease_seconds
    } else if (hasEnded(row) && !(await awaitsLog(tx, row))) answer.gone.push(id)
  }
  noteNotStarted(tx, ctx, runner.id, notStarted)
  if (answer.gone.length > 0) tx.durably()
  const held = await tx.heldBy([runner.id])
  for (const row of held) if (isHandedOut(row) && row.session !== caller.session) await putBack(tx, ctx, row)
  const asked = defined({ confirm: confirm.length === 0 ? undefined : confirm })
  return { ...(await channelStateOf(tx, ctx, runner, held)), ...answer, ...asked }
}

/**
 * Takes an execution out of the queue that a runner lists: the runner is asked to confirm it, once, or holds
 * it at once where it is too old for that. False: it stays queued.
 */
async function takeUp(tx: Writer, ctx: Context, runner: RunnerRow, row: ExecutionRow): Promise<boolean> {
  if (row.kind === 'script') return false
  const { id: runner_id, name: node_name, session } = runner
  if (runner.features.includes('confirm')) {
    if (row.recall !== null) return false
    const by = { runner_id, node_name, session, lease_id: ctx.keys.leaseOf(row, runner_id) }
    await put(tx, ctx, recall(row, by, tx, ctx.settings))
    await advanceBehind(tx, row)
    return true
  }
  const { length } = await tx.heldBy([runner_id])
  if (!mayAdopt(runner, row, length)) return false
  await supersedePrevious(tx, ctx, row)
  await put(tx, ctx, adopt(row, { runner_id, node_name, session }, tx, ctx.settings))
  await advanceBehind(tx, row)
  return true
}

/** Remembers, for those who look at an execution, why its runner has not started it yet. */
function noteNotStarted(tx: Writer, { memory }: Context, runner: string, now: Map<string, string>): void {
  const before = memory.notStarted.get(runner)
  if (before === undefined && now.size === 0) return
  if (now.size === 0) memory.notStarted.delete(runner)
  else memory.notStarted.set(runner, now)
  for (const id of new Set([...now.keys(), ...(before?.keys() ?? [])]))
    if (now.get(id) !== before?.get(id)) tx.notify({ about: 'execution', id })
}

/** While the rest of its log is still taken, the runner must keep the execution. */
async function awaitsLog(tx: Reader, row: ExecutionRow): Promise<boolean> {
  return row.result !== null && !hasWholeLog(await logOf(tx, row))
}

async function noteHeartbeat(
  tx: Writer,
  ctx: Context,
  before: RunnerRow,
  { state, free_slots, unable_because, executors }: Heartbeat,
  { polling, clock_difference_seconds }: Link,
): Promise<RunnerRow> {
  const until = tx.watched + ctx.settings.lease_seconds * 1000
  const runner: RunnerRow = {
    ...before,
    state,
    free_slots,
    unable_because: unable_because?.replaceAll('\0', '\ufffd').toWellFormed() ?? null,
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
