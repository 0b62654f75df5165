import type { ChannelState } from '../../protocol/messages/channel.ts'
import type { Reader } from '../../store/reader.ts'
import type { Caller, Context } from '../rules/context.ts'
import { runnerOf } from '../state/caller.ts'
import { channelStateOf } from '../state/channel-state.ts'

/** The state of a runner: the first event of its command channel. */
export async function channelState(tx: Reader, ctx: Context, caller: Caller): Promise<ChannelState> {
  const runner = await runnerOf(tx, caller)
  return channelStateOf(tx, ctx, runner, await tx.heldBy([runner.id]))
}
