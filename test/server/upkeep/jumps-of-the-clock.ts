/* Sweeps of a server whose wall clock is wrong for a while, or that was off for days; a part of sweeper.test.ts. */
import type { Test } from 'tap'
import { createToken } from '../../../src/server/operator-side/create-token.ts'
import { submit } from '../../../src/server/operator-side/submit.ts'
import { askedBy } from '../../support/server-caller.ts'
import { onEachStore } from '../../support/server-rig.ts'

const aDay = 86_400

/** Adds these tests to a file. */
export function jumpsOfTheClock(t: Test): void {
  onEachStore(
    t,
    'a clock that is wrong for twelve seconds removes, ends, expires and refuses nothing',
    async (t, rig) => {
      const runner = await rig.addRunner()
      await rig.sweeper.sweep()
      const ended = await rig.start(runner)
      await rig.result(runner, ended)
      const by = askedBy({ idempotency_key: 'once' })
      const body = { image: 'busybox', max_queue_seconds: 7200, capabilities: ['none-has'] }
      const submitOnce = async () => {
        const made = await rig.write(tx => submit(tx, rig.ctx, body, by))
        return made.ok ? made.value.id : made.failure.reason
      }
      const waiting = await submitOnce()
      const lost = await rig.start(runner, { retries: 0 })
      await rig.wait(70)
      t.match(await rig.execution(lost.execution_id), { state: 'lost', finished_at: null })
      const running = await rig.start(runner)
      const beats = async () => rig.heartbeat(runner, [running.execution_id])
      for (const days of [400, 1, 25 / 24, -400, -2]) {
        rig.clock.wall += days * aDay * 1000
        // Between the jump and the first sweep that can see it.
        t.equal(await submitOnce(), waiting, `${days}: the same key, the same execution, at once`)
        t.same((await beats()).leases, { [running.execution_id]: 60 })
        const during = await rig.submit({ max_queue_seconds: 3600, capabilities: ['none-has'] })
        for (let seconds = 0; seconds < 12; seconds += 4) {
          rig.pass(4)
          await rig.sweeper.sweep()
        }
        const before = await rig.submit({ max_queue_seconds: 3600, capabilities: ['none-has'] })
        t.equal(await submitOnce(), waiting, `${days}: and after it`)
        rig.clock.wall -= days * aDay * 1000
        await rig.wait(5)
        await beats()
        for (const id of [waiting, during, before]) t.match(await rig.execution(id), { state: 'queued' })
        t.match(await rig.execution(ended.execution_id), { state: 'succeeded' })
        t.match(await rig.execution(running.execution_id), { state: 'running' })
        const left = (await rig.execution(during)).deadline! - rig.store.watch.watched
        t.ok(left > 3500_000 && left < 3600_000 + 10 * 60_000, `${days}: its wait ends in ${left} ms`)
      }
      t.ok((await rig.result(runner, lost)).ok, 'a true result is taken, late as it is')
      t.ok((await rig.result(runner, running)).ok)
      await rig.wait(3600 + 20 * 60)
      t.match(await rig.execution(waiting), { state: 'queued' })
    },
    { retention_days: 1, late_result_seconds: 3600 },
  )

  onEachStore(
    t,
    'after a jump what is old is kept for 24 h that a server runs, over restarts, and then goes piece by piece',
    async (t, rig) => {
      for (let count = 0; count < 2500; count += 100)
        await Promise.all(Array.from({ length: 100 }, async () => rig.abort(await rig.submit())))
      const count = async () =>
        Object.values(await rig.store.read(tx => tx.countExecutions())).reduce((sum, one) => sum + one, 0)
      await rig.sweeper.sweep()
      rig.clock.wall += 400 * aDay * 1000
      const sweepAt = async (seconds: number) => {
        rig.pass(seconds)
        await rig.sweeper.sweep()
      }
      for (let hours = 0; hours < 23; hours++) {
        await sweepAt(3600)
        if (hours % 5 === 0) rig.restart()
        await rig.sweeper.sweep()
        // A server that is down for a while does not shorten it.
        rig.pass(3000)
        rig.restart()
        await rig.sweeper.sweep()
      }
      t.equal(await count(), 2500)
      for (let hours = 0; hours < 2; hours++) await sweepAt(3590)
      await sweepAt(5)
      const left: number[] = []
      for (let sweeps = 0; sweeps < 8 && (await count()) > 0; sweeps++) {
        left.push(await count())
        await sweepAt(5)
      }
      const steps = left.slice(1).map((one, index) => left[index]! - one)
      t.ok(
        steps.every(step => step <= 1000),
        `${left}`,
      )
      t.equal(await count(), 0)
    },
    { retention_days: 30 },
  )

  onEachStore(
    t,
    'a start a day and more after the last sweep waits as after a jump',
    async (t, rig) => {
      await rig.abort(await rig.submit())
      await rig.sweeper.sweep()
      rig.pass(3 * aDay)
      rig.restart()
      await rig.wait(60)
      const count = () => rig.store.read(tx => tx.countExecutions())
      t.same(await count(), { aborted: 1 })
      for (let hours = 0; hours < 25; hours++) {
        rig.pass(3600)
        await rig.sweeper.sweep()
      }
      t.same(await count(), {})
    },
    { retention_days: 1 },
  )

  onEachStore(
    t,
    'a token that was made while the clock was wrong lives as long as it was to, and no other lives or dies by it',
    async (t, rig) => {
      const make = async (seconds: number) => {
        const made = await rig.write(tx =>
          createToken(tx, rig.ctx, { kind: 'viewer', name: 'x', expires_in_seconds: seconds }),
        )
        if (!made.ok) throw new Error(made.failure.reason)
        return made.value.id
      }
      const valid = async (id: string) =>
        !rig.store.watch.isExpired((await rig.store.read(tx => tx.token(id)))!)
      await rig.sweeper.sweep()
      const [short, long] = [await make(60), await make(2 * aDay)]
      rig.clock.wall += 400 * aDay * 1000
      t.same([await valid(short), await valid(long)], [true, true], 'before a sweep has seen it')
      await rig.wait(12)
      const during = await make(100)
      t.same([await valid(short), await valid(long), await valid(during)], [true, true, true])
      rig.clock.wall -= 400 * aDay * 1000
      await rig.wait(50)
      t.same([await valid(short), await valid(long), await valid(during)], [false, true, true])
      await rig.wait(60)
      t.notOk(await valid(during), 'it does not live for 400 days')
      rig.clock.wall -= 400 * aDay * 1000
      await rig.wait(12)
      t.same([await valid(short), await valid(long)], [false, true], 'a clock that goes back revives none')
      const past = await make(100)
      rig.clock.wall += 400 * aDay * 1000
      await rig.wait(50)
      t.same([await valid(short), await valid(long), await valid(past)], [false, true, true])
      await rig.wait(60)
      t.notOk(await valid(past))
    },
  )
}
