import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { type Clock, systemClock } from '../../src/edges.ts'
import { aborted, Notifier, nextTurn, pause } from '../../src/system/wait.ts'

/** Whether a promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false
  void promise.finally(() => {
    settled = true
  })
  await setImmediate()
  return settled
}

/** A clock whose sleeps end by their signal alone, and which counts those under way. */
function stoppedClock(): Clock & { sleeping: number } {
  const clock = {
    ...systemClock,
    sleeping: 0,
    async sleep(_seconds: number, signal?: AbortSignal) {
      clock.sleeping++
      await new Promise<void>(resolve => {
        if (signal?.aborted) resolve()
        else signal?.addEventListener('abort', () => resolve(), { once: true })
      })
      clock.sleeping--
    },
  }
  return clock
}

t.test('a notice wakes all who wait, and is not kept for those who come later', async t => {
  const notifier = new Notifier()
  notifier.notify()
  const waits = [notifier.notified, notifier.notified]
  t.same(await Promise.all(waits.map(isSettled)), [false, false])
  notifier.notify()
  const late = notifier.notified
  await Promise.all(waits)
  t.notOk(await isSettled(late))
})

t.test('a pause ends by its notifier or its signal, and leaves no timer behind', async t => {
  const notifier = new Notifier()
  const clock = stoppedClock()
  const stop = new AbortController()
  const notified = pause(clock, 60, notifier, stop.signal)
  t.notOk(await isSettled(notified))
  notifier.notify()
  await notified
  const stopped = pause(clock, Number.POSITIVE_INFINITY, notifier, stop.signal)
  t.notOk(await isSettled(stopped))
  stop.abort()
  await stopped
  await pause(clock, 60, notifier, stop.signal)
  await setImmediate()
  t.equal(clock.sleeping, 0)
  await pause(systemClock, 0.001, notifier, new AbortController().signal)
})

t.test('aborted settles with its signal, and never once it is over', async t => {
  const stop = new AbortController()
  const over = new AbortController()
  const first = aborted(stop.signal)
  const second = aborted(stop.signal, over.signal)
  over.abort()
  t.notOk(await isSettled(first))
  stop.abort()
  await first
  await aborted(stop.signal)
  t.notOk(await isSettled(second))
})

t.test('the next turn comes after all that waits in this one', async t => {
  const order: string[] = []
  const turn = nextTurn().then(() => order.push('turn'))
  await Promise.resolve().then(() => order.push('microtask'))
  process.nextTick(() => order.push('tick'))
  await turn
  t.same(order, ['microtask', 'tick', 'turn'])
})
