/*
 * The answers that every store must give about executions that wait for others or for a time, whatever it
 * remembers of them.
 */

import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Test } from 'tap'
import type { Line } from '../../src/store/queue.ts'
import type { Reader } from '../../src/store/reader.ts'
import type { ExecutionRow } from '../../src/store/rows.ts'
import type { Writer } from '../../src/store/writer.ts'
import { execution } from '../support/rows.ts'
import type { WithStore } from './conformance.ts'

const namespaces = ['default', 'other']
const names = ['a', 'b']

type Step =
  | {
      kind: 'put'
      namespace: string
      name: string
      waits: ExecutionRow['waits']
      more: Partial<ExecutionRow>
    }
  | { kind: 'go' | 'end' | 'reserve'; pick: number }
  | { kind: 'look' | 'remove' | 'postpone' | 'fail' }

const pick = fc.nat(1000)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      namespace: fc.constantFrom(...namespaces),
      name: fc.constantFrom(...names),
      waits: fc.constantFrom('turn', 'key', 'time', null),
      more: fc.record({
        priority: fc.nat(2),
        catch_up: fc.constantFrom('outage' as const, null),
        not_before: fc.constantFrom(1, 2, Number.MAX_SAFE_INTEGER),
      }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('go' as const, 'end' as const, 'reserve' as const), pick }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('look' as const, 'remove' as const, 'postpone' as const, 'fail' as const),
    }),
  },
)

/** All executions in the order they were made. */
type Model = Map<string, ExecutionRow>

async function act(tx: Writer, model: Model, does: Step): Promise<void> {
  const put = (row: ExecutionRow) => {
    tx.putExecution(row)
    model.set(row.id, row)
  }
  switch (does.kind) {
    case 'put': {
      const { namespace, name, waits, more } = does
      return put(execution({ namespace, job_name: name, concurrency_key: name, waits, ...more }))
    }
    case 'remove':
      await tx.removeEnded(tx.now, model.size + 1)
      for (const [id, { state }] of model) if (state === 'succeeded') model.delete(id)
      return
    case 'postpone':
      return tx.postponeAll(0, tx.watched, tx.watched)
    case 'fail':
      throw new Error('asked to')
    case 'look':
      return look(tx, model, false)
    default: {
      const row = [...model.values()].filter(({ state }) => state !== 'succeeded')[
        does.pick % (model.size + 1)
      ]
      if (row === undefined) return
      assert.deepEqual(await tx.execution(row.id), row)
      if (does.kind === 'go') return put({ ...row, waits: null })
      if (does.kind === 'end') return put({ ...row, state: 'succeeded', finished_at: 1 })
      return put({ ...row, state: row.state === 'reserved' ? 'queued' : 'reserved' })
    }
  }
}

const isIn = ({ waits, namespace, of }: Line, row: ExecutionRow): boolean =>
  row.state === 'queued' &&
  row.waits === waits &&
  row.namespace === namespace &&
  (waits === 'turn' ? row.job_name : row.concurrency_key) === of

const allLines: Line[] = (['key', 'turn'] as const).flatMap(waits =>
  namespaces.flatMap(namespace => names.map(of => ({ waits, namespace, of }))),
)

/** `exact`: this writer has put nothing; else a line that it has emptied may still be looked at in vain. */
async function look(tx: Writer, model: Model, exact = true): Promise<void> {
  for (const line of allLines) {
    const waiting = [...model.values()].filter(row => isIn(line, row))
    const may = await tx.mayWaitIn(line)
    if (exact) assert.equal(may, waiting.length > 0, 'no look is in vain')
    else assert.ok(may || waiting.length === 0)
  }
  const lines = allLines.filter(line => [...model.values()].some(row => isIn(line, row)))
  assert.deepEqual(await tx.lines(100), lines)
  assert.deepEqual(await tx.lines(1, lines[0]), lines.slice(lines.length === 0 ? 0 : 1, 2))
  await read(tx, model)
}

async function read(tx: Reader, model: Model): Promise<void> {
  const rows = [...model.values()]
  for (const line of allLines) {
    const waiting = rows.filter(row => isIn(line, row))
    const first = line.waits === 'turn' ? waiting : waiting.toSorted((a, b) => b.priority - a.priority)
    assert.deepEqual(await tx.lineHeads(line, 2), first.slice(0, 2))
  }
  for (const namespace of namespaces)
    for (const name of names) {
      const own = rows.filter(
        row => row.namespace === namespace && row.job_name === name && row.state !== 'succeeded',
      )
      const waits = (row: ExecutionRow, ...what: ExecutionRow['waits'][]) =>
        row.state === 'queued' && what.includes(row.waits)
      const active = own.filter(row => !waits(row, 'turn'))
      assert.equal(await tx.hasActive({ namespace, name }), own.length > 0)
      assert.deepEqual(await tx.activeRuns({ namespace, name }, 2), active.slice(0, 2))
      const counted = own.filter(row => waits(row, 'turn') && row.catch_up === null)
      assert.equal(await tx.countTurns({ namespace, name }, 2), Math.min(2, counted.length))
      const runs = own.filter(row => !waits(row, 'turn', 'key'))
      assert.equal(await tx.countRuns(namespace, name, 3), Math.min(3, runs.length))
    }
  const due = rows.filter(
    row => row.state === 'queued' && row.waits === 'time' && row.not_before! <= tx.watched,
  )
  assert.deepEqual(await tx.releasable(3), due.toSorted((a, b) => a.not_before! - b.not_before!).slice(0, 3))
  const queued = rows.filter(row => row.state === 'queued')
  const listed = await tx.listExecutions({ states: ['queued'] }, { limit: 1000 })
  assert.deepEqual(listed, queued.toReversed(), 'all that wait are queued')
  assert.equal((await tx.countExecutions()).queued ?? 0, queued.length)
}

export async function lineConformance(t: Test, withStore: WithStore): Promise<void> {
  await t.test('lines, and what waits for a time, are as what was put has left them', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 12 }),
        writers =>
          withStore(async subject => {
            let model: Model = new Map()
            for (const steps of writers)
              await subject.store
                .write(async tx => {
                  const after: Model = new Map(model)
                  for (const does of steps) await act(tx, after, does)
                  model = after
                })
                .catch(error => assert.equal(error.message, 'asked to', error))
            await subject.store.write(tx => look(tx, model))
            await subject.reopen()
            await subject.store.read(tx => read(tx, model))
            await subject.store.write(tx => look(tx, model))
          }),
      ),
      { numRuns: 25 },
    ),
  )

  await t.test('attempts of one run count once for a key', t =>
    withStore(async ({ store }) => {
      const lost = execution({ concurrency_key: 'k', state: 'lost' })
      const next = execution({ concurrency_key: 'k', group: lost.group, attempt: 2 })
      await store.write(async tx => {
        tx.putExecution(lost)
        tx.putExecution(next)
      })
      t.equal(await store.read(tx => tx.countRuns('default', 'k', 9)), 1)
    }),
  )
}
