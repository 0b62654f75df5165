/*
 * The answers that every store must give about queues and about the executions of runners, whatever it
 * remembers of them.
 */

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import type { Test } from 'tap'
import { queueOf } from '../../src/store/queue.ts'
import type { ExecutionRow } from '../../src/store/rows.ts'
import type { Writer } from '../../src/store/writer.ts'
import { execution } from '../support/rows.ts'
import type { WithStore } from './conformance.ts'

const groups = Array.from({ length: 11 }, (_, index) => `g${index}`)
const runners = ['a', 'b']
/** The greatest number of steps of the writers of one batch. */
const most = 6

type Step =
  | { kind: 'submit'; group: number; priority: number }
  | { kind: 'take'; group: number; count: number; runner: number }
  | { kind: 'return' | 'end'; pick: number }
  | { kind: 'raise'; pick: number; priority: number }
  | { kind: 'look'; group: number; count: number }
  | { kind: 'remove' | 'postpone' | 'fail' | 'see' }

const group = fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.nat(groups.length - 1))
const count = fc.integer({ min: 1, max: 3 })
const priority = fc.nat(2)
const pick = fc.nat(1000)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('submit' as const), group, priority }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('take' as const), group, count, runner: fc.nat(1) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('return' as const, 'end' as const), pick }) },
  fc.record({ kind: fc.constant('raise' as const), pick, priority }),
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('look' as const), group, count }) },
  fc.record({
    kind: fc.constantFrom('remove' as const, 'postpone' as const, 'fail' as const, 'see' as const),
  }),
)
const writer = fc.record({
  steps: fc.array(step, { minLength: 1, maxLength: most }),
  heads: fc.option(fc.nat(5), { nil: undefined }),
  held: fc.boolean(),
  together: fc.boolean(),
})

/** All executions in the order they were made, as they should be. */
type Model = Map<string, ExecutionRow>

const queued = (model: Model) => [...model.values()].filter(row => row.state === 'queued')
const headsOf = (model: Model, queue: string, limit: number) =>
  queued(model)
    .filter(row => queueOf(row) === queue)
    .toSorted((one, other) => other.priority - one.priority)
    .slice(0, limit)
const heldOf = (model: Model, runner: string) =>
  [...model.values()]
    .filter(row => row.state === 'reserved' && row.runner_id === runner)
    .sort((one, other) => (one.id < other.id ? -1 : 1))

async function act(tx: Writer, model: Model, does: Step): Promise<void> {
  const put = (row: ExecutionRow) => {
    tx.putExecution(row)
    model.set(row.id, row)
  }
  const change = async (state: ExecutionRow['state'], among: ExecutionRow[], pick: number, more = {}) => {
    const row = among[pick % among.length]
    if (row === undefined) return
    assert.deepEqual(await tx.execution(row.id), row)
    put({ ...row, state, ...more })
  }
  const queue = `${groups['group' in does ? does.group : 0]} `
  switch (does.kind) {
    case 'submit':
      return put(execution({ runner_group: groups[does.group]!, priority: does.priority }))
    case 'take':
      for (const row of await tx.queueHeads([queue], does.count))
        put({ ...row, state: 'reserved', runner_id: runners[does.runner]! })
      return
    case 'return':
      return change(
        'queued',
        [...model.values()].filter(({ state }) => state === 'reserved'),
        does.pick,
      )
    case 'end':
      return change(
        'succeeded',
        [...model.values()].filter(({ state }) => state !== 'succeeded'),
        does.pick,
      )
    case 'raise':
      return change('queued', queued(model), does.pick, { priority: does.priority })
    case 'look':
      return void assert.deepEqual(
        await tx.queueHeads([queue], does.count),
        headsOf(model, queue, does.count),
      )
    case 'see':
      assert.deepEqual(await tx.queues(), [...new Set(queued(model).map(queueOf))].sort())
      for (const id of runners) assert.deepEqual(await tx.heldBy([id]), heldOf(model, id))
      return
    case 'remove':
      await tx.removeEnded(tx.now, model.size + 1)
      for (const [id, { state }] of model) if (state === 'succeeded') model.delete(id)
      return
    case 'postpone':
      return tx.postponeAll(0, tx.watched, tx.watched)
    case 'fail':
      throw new Error('asked to')
  }
}

export async function queueConformance(t: Test, withStore: WithStore): Promise<void> {
  await t.test('queues and what is held are as what was put has left them', () =>
    fc.assert(
      fc.asyncProperty(fc.array(writer, { minLength: 1, maxLength: 25 }), writers =>
        withStore(async subject => {
          let model: Model = new Map()
          let pending: Promise<unknown>[] = []
          for (const { steps, heads, held, together } of writers) {
            const writing = subject.store
              .write(
                async tx => {
                  const after: Model = new Map(model)
                  for (const does of steps) await act(tx, after, does)
                  model = after
                },
                { ...(heads !== undefined && { heads }), ...(held && { held: runners }) },
              )
              .catch(error => assert.equal(error.message, 'asked to', error))
            pending.push(writing)
            if (together) continue
            await Promise.all(pending)
            pending = []
          }
          await Promise.all(pending)
          const look: Step = { kind: 'see' }
          await subject.store.write(tx => act(tx, model, look))
          await subject.reopen()
          await subject.store.write(tx => act(tx, model, look))
        }),
      ),
      { numRuns: 30 },
    ),
  )

  await t.test('each of a long queue is at its head once, in order', t =>
    withStore(async ({ store }) => {
      const rows = Array.from({ length: 5000 }, () => execution())
      const put = (some: ExecutionRow[], options = {}) =>
        store.write(async tx => {
          for (const row of some) tx.putExecution(row)
        }, options)
      await put(rows.slice(0, 2500))
      const seen: string[] = []
      for (let heads = 300; heads > 0; ) {
        if (seen.length === 300) await put(rows.slice(2500))
        heads = await store.write(
          async tx => {
            const found = await tx.queueHeads(await tx.queues(), 300)
            for (const row of found) tx.putExecution({ ...row, state: 'reserved', runner_id: 'r' })
            seen.push(...found.map(({ id }) => id))
            return found.length
          },
          { heads: 300 },
        )
      }
      t.same(
        seen,
        rows.map(({ id }) => id),
      )
    }),
  )

  await t.test('who is woken by what comes finds it, and what is held, whatever is remembered', t =>
    withStore(async ({ store }) => {
      for (const remembered of [false, true]) {
        const held = execution({ state: 'reserved', runner_id: 'r', created_at: remembered ? 2 : 1 })
        const row = execution({ priority: remembered ? 2 : 1 })
        const seen = Promise.withResolvers<{ heads: ExecutionRow[]; held: ExecutionRow[] }>()
        const unsubscribe = store.subscribe(() => {
          const looking = store.write(
            async tx => ({ heads: await tx.queueHeads(await tx.queues(), 1), held: await tx.heldBy(['r']) }),
            { heads: 1, held: ['r'], durable: false },
          )
          looking.then(seen.resolve, seen.reject)
        })
        if (!remembered) {
          // A writer that fails behind a statement of its own has all forgotten.
          const failing = store.write(async tx => {
            await tx.deleteToken(randomUUID())
            throw new Error('forget')
          })
          await t.rejects(failing, /forget/)
        }
        await store.write(async tx => {
          tx.putExecution(held)
          tx.putExecution(row)
          tx.notify({ about: 'queue', queue: queueOf(row) })
        })
        const { heads, held: found } = await seen.promise
        t.match(heads, [{ id: row.id }])
        t.equal(found.at(-1)?.id, held.id)
        unsubscribe()
      }
    }),
  )
}
