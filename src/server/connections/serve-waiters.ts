import type { ChannelState } from '../../protocol/messages/channel.ts'
import type { Reservation } from '../../protocol/messages/reservations.ts'
import { fail, ok, type Result } from '../../result.ts'
import { isUnreadable } from '../../store/failure.ts'
import type { Reader } from '../../store/reader.ts'
import type { Store } from '../../store/store.ts'
import type { Metrics } from '../metrics.ts'
import type { Caller, Context } from '../rules/context.ts'
import type { Refusal } from '../rules/refusal.ts'
import { channelState } from '../runner-side/commands.ts'
import { type AskingRunner, dispatch } from '../runner-side/dispatch.ts'
import { callerOf } from '../state/caller.ts'
import type { ChannelEnd, StatesOf } from './command-channels.ts'
import type { Serve, Waiter } from './long-polls.ts'
import { type RunnerClass, RunnerClasses } from './runner-class.ts'

type Looked = { ok: true } | { ok: false; failure: Refusal }

/** Executions that are read ahead for one runner at most: a runner may ask for far more than it can take. */
const mostHeads = 8

/** Hands out queued executions to runners that wait: one writer for all. */
export function serveWaiters(store: Store, context: Context, metrics: Metrics): Serve {
  const known = new RunnerClasses()
  return async (turns, more) => {
    const looked = turns.filter(({ again, changed }) => !again || changed)
    const runners = turns.map(({ waiter }) => waiter.runner_id)
    const { given, ...served } = await store.write(
      async tx => {
        const answers = new Map<Waiter, Result<Reservation[], Refusal>>()
        const asking: AskingRunner[] = []
        for (const { waiter, again, changed } of turns) {
          const { runner_id, token, slots } = waiter
          const session = token.session ?? 0
          const refused = await unlessDamaged(() => {
            // It may have expired while the call waited.
            if (store.watch.isExpired(token))
              return fail({ reason: 'bad-token', detail: 'the token has expired' })
            if (!again) return callerOf(tx, context, token, waiter.session, runner_id)
            return changed ? stillInForce(tx, runner_id, session) : ok(undefined)
          })
          if (refused.ok) asking.push({ runner_id, session, slots, again })
          else answers.set(waiter, refused)
        }
        const given = await dispatch(tx, context, asking)
        for (const { waiter } of turns) {
          const executions = given.get(waiter.runner_id)
          if (executions !== undefined) answers.set(waiter, ok(executions))
        }
        const classes = new Map<Waiter, RunnerClass>()
        for (const { waiter } of looked) {
          const runner = answers.get(waiter)?.ok === false ? undefined : await tx.runner(waiter.runner_id)
          if (runner !== undefined) classes.set(waiter, known.of(runner))
        }
        return { given, answers, classes, left: more ? await tx.queues() : [] }
      },
      {
        runners,
        groupsOf: runners,
        held: runners,
        heads: turns.reduce((sum, { waiter }) => sum + Math.min(waiter.slots, mostHeads), 0),
        durable: false,
      },
    )
    // Counted here and not in the writer, whose transaction may fail.
    metrics.reserved([...given.values()].reduce((sum, executions) => sum + executions.length, 0))
    return served
  }
}

/** A damaged row of one runner must not fail the others in the same round. */
async function unlessDamaged(look: () => Looked | Promise<Looked>): Promise<Looked> {
  try {
    return await look()
  } catch (error) {
    if (isUnreadable(error)) return fail({ reason: 'unavailable', detail: error.message })
    throw error
  }
}

/** The state of runners with an open command channel: one reader for all. */
export function statesOfChannels(store: Store, context: Context): StatesOf {
  return channels =>
    store.read(async tx => {
      const states = new Map<string, ChannelState | ChannelEnd>()
      for (const caller of channels) states.set(caller.runner_id, await stateOf(tx, context, caller))
      return states
    })
}

/** A damaged row of one runner must not end the channels of the others. */
async function stateOf(tx: Reader, context: Context, caller: Caller): Promise<ChannelState | ChannelEnd> {
  try {
    const refused = await stillInForce(tx, caller.runner_id, caller.session)
    if (refused.ok) return await channelState(tx, context, caller)
    return refused.failure.reason === 'deleted' ? 'deleted' : 'superseded'
  } catch (error) {
    if (isUnreadable(error)) return 'unreadable'
    throw error
  }
}

/** Whether the session of a runner that waits is still the one in force. */
async function stillInForce(tx: Reader, id: string, session: number): Promise<Looked> {
  const runner = await tx.runner(id)
  if (runner === undefined || runner.deleted_at !== null)
    return fail({ reason: 'deleted', detail: 'an operator deleted this runner' })
  if (runner.session === session) return { ok: true }
  return fail({ reason: 'session-superseded', detail: 'a newer session of this runner has taken over' })
}
