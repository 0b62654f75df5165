/*
 * The state of a runner: the first event of its command channel, and part of the answer to a heartbeat.
 */

import type { ChannelState } from '../../protocol/messages/channel.ts'
import type { Reservation } from '../../protocol/messages/reservations.ts'
import type { Reader } from '../../store/reader.ts'
import type { ExecutionRow } from '../../store/rows.ts'
import type { RunnerRow } from '../../store/runner-row.ts'
import type { Context } from '../rules/context.ts'
import { groupOf, settingsOf } from '../rules/effective.ts'
import { roleOf } from '../rules/eligibility.ts'
import { reservationFor } from './reservation.ts'
import { ifReadable } from './unreadable.ts'

export async function channelStateOf(
  tx: Reader,
  ctx: Context,
  runner: RunnerRow,
  held: readonly ExecutionRow[],
): Promise<ChannelState> {
  return {
    settings: settingsOf(ctx.settings, runner),
    // If its role cannot be read, the runner goes on all the same: the server decides about work by itself.
    role: roleOf(runner, await ifReadable(tx.group(groupOf(runner)))),
    abort: held.filter(row => row.state === 'aborting').map(row => row.id),
    scripts: await scriptsOf(tx, ctx, runner, held),
  }
}

/** The scripts that the runner is to run. A script that cannot be handed out is left to its deadline. */
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
