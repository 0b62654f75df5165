import type { Clock } from '../../edges.ts'
import type { NotifyTest } from '../../protocol/messages/notifications.ts'
import { everyNamespace } from '../../protocol/messages/token-kinds.ts'
import { ok, type Result } from '../../result.ts'
import { type Context, newId } from '../rules/context.ts'
import { noTarget } from '../rules/notify-targets.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import type { Deliver, Target } from './delivery.ts'
import { testMessage } from './message.ts'

/** Sends a test message to a target at once, without a second try, and says how that went. */
export type TestTarget = (name: string) => Promise<Result<NotifyTest, Refusal>>

export interface TestTargetParts {
  context: Context
  targets: ReadonlyMap<string, Target>
  deliver: Deliver
  clock: Clock
  /** Ends a test. */
  stop: AbortSignal
}

export function testTargets({ context, targets, deliver, clock, stop }: TestTargetParts): TestTarget {
  return async name => {
    const target = targets.get(name)
    if (target === undefined)
      return refuse(
        'not-found',
        `there is no target ${name}: ${noTarget(context.settings, name, everyNamespace)}`,
      )
    const id = newId(context.chance, clock.now().getTime())
    const began = clock.monotonic()
    const sent = await deliver(target, testMessage(id, name), stop)
    if (sent === undefined) return refuse('unavailable', 'the server stops')
    const seconds = Math.round((clock.monotonic() - began) * 1000) / 1000
    const error = sent.ok ? sent.value : sent.failure.problem
    return ok({ name, type: target.type, sent: sent.ok, error, seconds })
  }
}
