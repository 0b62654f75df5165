import t from 'tap'
import type { Waiter } from '../../../src/server/connections/long-polls.ts'
import { serveWaiters, statesOfChannels } from '../../../src/server/connections/serve-waiters.ts'
import type { Metrics } from '../../../src/server/metrics.ts'
import { StoreFailure } from '../../../src/store/failure.ts'
import type { Reader } from '../../../src/store/reader.ts'
import { emptyToken } from '../../../src/store/rows.ts'
import type { Store, WriteOptions } from '../../../src/store/store.ts'
import type { Writer } from '../../../src/store/writer.ts'
import { makeContext } from '../../support/context.ts'
import { connectedRunner } from '../../support/rows.ts'
import { onEachStore } from '../../support/server-rig.ts'

t.setTimeout(360_000)

t.test('for a runner that asks for a thousand no thousand is read ahead', async t => {
  let heads: number | undefined
  // Of store, metrics and waiters there is what is looked at before the writer runs, which it never does.
  const store = {
    write: async (_: unknown, options: WriteOptions) => {
      heads = options.heads
      return { given: new Map() }
    },
  } as unknown as Store
  const serve = serveWaiters(store, makeContext(), { reserved: () => {} } as unknown as Metrics)
  const turn = (slots: number) => ({ waiter: { slots } as Waiter, again: false, changed: false })
  await serve([turn(1), turn(4)], false)
  t.equal(heads, 5)
  await serve([turn(1000), turn(4)], false)
  t.equal(heads, 12)
})

onEachStore(t, 'a reservation counts once its transaction is kept', async (t, rig) => {
  const runner = await rig.addRunner()
  await rig.submit()
  let counted = 0
  // Of the metrics only this one is told.
  const metrics = { reserved: (count: number) => (counted += count) } as unknown as Metrics
  const token = { ...emptyToken, kind: 'runner' as const, runner_id: runner.id, session: runner.session }
  const waiter = { runner_id: runner.id, token, session: runner.session, slots: 1 } as Waiter
  const turns = [{ waiter, again: true, changed: false }]
  const failing: Store = Object.create(rig.store, {
    write: {
      value: <T>(writer: (tx: Writer) => Promise<T>, options?: WriteOptions) =>
        rig.store.write(async tx => {
          await writer(tx)
          throw new StoreFailure('disk-full', 'no space is left')
        }, options),
    },
  })
  await t.rejects(serveWaiters(failing, rig.ctx, metrics)(turns, false), { message: 'no space is left' })
  t.equal(counted, 0)
  await serveWaiters(rig.store, rig.ctx, metrics)(turns, false)
  t.equal(counted, 1)
})

t.test('a damaged row of one runner ends no channel but its own', async t => {
  // A channel's state is made of these reads alone.
  const tx = {
    runner: async (id: string) => {
      if (id === 'lame') throw new StoreFailure('damaged', 'its row cannot be read')
      return connectedRunner(0, { id })
    },
    group: async () => undefined,
    heldBy: async () => [],
  } as unknown as Reader
  const store = { read: <T>(reader: (tx: Reader) => Promise<T>) => reader(tx) } as unknown as Store
  const channel = (runner_id: string, session = 1) => ({ runner_id, session })
  const states = await statesOfChannels(
    store,
    makeContext(),
  )([channel('lame'), channel('well'), channel('old', 0)])
  t.match(Object.fromEntries(states), { lame: 'unreadable', well: { abort: [] }, old: 'superseded' })
})
