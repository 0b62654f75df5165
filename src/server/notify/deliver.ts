import type { Clock } from '../../edges.ts'
import type { Deliver, NoticeDelivery } from './delivery.ts'

/** Seconds that one try may take. */
const longestTry = 15

/**
 * Delivers by web hooks and mails; `anywhere`: to private addresses too. The packages for it are loaded for
 * the first message.
 */
export function makeDeliver(clock: Clock, anywhere: boolean): Deliver {
  return async (target, message, stop) => {
    const over = new AbortController()
    const done = new AbortController()
    const end = () => over.abort()
    stop.addEventListener('abort', end, { once: true })
    if (stop.aborted) end()
    void clock.sleep(longestTry, done.signal).then(() => done.signal.aborted || end())
    const delivery: NoticeDelivery = { anywhere, now: () => clock.now(), signal: over.signal }
    try {
      const sent =
        target.type === 'webhook'
          ? await (await import('./webhook.ts')).postWebhook(target, message, delivery)
          : await (await import('./email.ts')).sendMail(target, message, delivery)
      return stop.aborted && !sent.ok ? undefined : sent
    } finally {
      done.abort()
      stop.removeEventListener('abort', end)
    }
  }
}
