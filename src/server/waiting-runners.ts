import type { ChannelState, Reservation } from '../protocol/messages.ts'
import { fail, ok, type Result } from '../result.ts'
import type { StatesOf } from './command-channel.ts'
import type { Context } from './context.ts'
import { crewOf } from './crew.ts'
import { type Asking, dispatch } from './dispatch.ts'
import { channelState } from './heartbeat.ts'
import type { HttpRefusal } from './http-problems.ts'
import type { Metrics } from './metrics.ts'
import type { Serve, Waiter } from './polls.ts'
import { callerOf } from './session.ts'
import { StoreFailure } from './store/failure.ts'
import type { Reader, Store } from './store/store.ts'

type Looked = { ok: true } | { ok: false; failure: HttpRefusal }

/** What is read ahead for one runner at most: one may ask for far more than it can take. */
const mostHeads = 8

/** Hands out what is queued to runners that wait: one writer for all. */
export function serveWaiters(store: Store, context: Context, metrics: Metrics): Serve {
  return (turns, more) => {
    const looked = turns.filter(({ again, changed }) => !again || changed)
    const runners = turns.map(({ waiter }) => waiter.runner_id)
    return store.write(
      async tx => {
        const answers = new Map<Waiter, Result<Reservation[], HttpRefusal>>()
        const asking: Asking[] = []
        for (const { waiter, again, changed } of turns) {
          const { runner_id, token, slots } = waiter
          const session = token.session ?? 0
          const refused = await unlessDamaged(() =>
            !again
              ? callerOf(tx, context, token, waiter.session, runner_id)
              : changed
                ? stillInForce(tx, runner_id, session)
                : ok(undefined),
          )
          if (refused.ok) asking.push({ runner_id, session, slots, again })
          else answers.set(waiter, refused)
        }
        const given = await dispatch(tx, context, asking)
        for (const { waiter } of turns) {
          const executions = given.get(waiter.runner_id)
          if (executions !== undefined) answers.set(waiter, ok(executions))
        }
        metrics.reserved([...given.values()].reduce((sum, executions) => sum + executions.length, 0))
        for (const { waiter } of looked) {
          const runner = answers.get(waiter)?.ok === false ? undefined : await tx.runner(waiter.runner_id)
          if (runner !== undefined) waiter.crew = crewOf(runner)
        }
        return { answers, left: more ? await tx.queues() : [] }
      },
      {
        runners,
        groupsOf: runners,
        held: runners,
        heads: turns.reduce((sum, { waiter }) => sum + Math.min(waiter.slots, mostHeads), 0),
        durable: false,
      },
    )
  }
}

/** A damaged row of a runner is its own trouble, and not that of those in the same round. */
async function unlessDamaged(look: () => Looked | Promise<Looked>): Promise<Looked> {
  try {
    return await look()
  } catch (error) {
    if (error instanceof StoreFailure && error.reason === 'damaged')
      return fail({ reason: 'unavailable', detail: error.message })
    throw error
  }
}

/** What is so for runners with an open command channel: one reader for all. */
export function statesOfChannels(store: Store, context: Context): StatesOf {
  return channels =>
    store.read(async tx => {
      const states = new Map<string, ChannelState | 'deleted' | 'superseded'>()
      for (const caller of channels) {
        const refused = await stillInForce(tx, caller.runner_id, caller.session)
        if (refused.ok) states.set(caller.runner_id, await channelState(tx, context, caller))
        else states.set(caller.runner_id, refused.failure.reason === 'deleted' ? 'deleted' : 'superseded')
      }
      return states
    })
}

/** Whether the session of a runner that waits is still the one in force. */
async function stillInForce(tx: Reader, id: string, session: number): Promise<Looked> {
  const runner = await tx.runner(id)
  if (runner === undefined || runner.deleted_at !== null)
    return fail({ reason: 'deleted', detail: 'an operator deleted this runner' })
  if (runner.session === session) return { ok: true }
  return fail({ reason: 'session-superseded', detail: 'a newer session of this runner has taken over' })
}
