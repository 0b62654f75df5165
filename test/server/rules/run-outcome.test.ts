import t from 'tap'
import { eventsOfEnd, hadFailed, lateAtOf, runOutcomeOf } from '../../../src/server/rules/run-outcome.ts'
import type { ExecutionRow } from '../../../src/store/rows.ts'
import { execution as executionRow } from '../../support/rows.ts'

const ended = (state: ExecutionRow['state'], more: Partial<ExecutionRow> = {}) =>
  executionRow({ state, finished_at: 1, ...more })

t.test('one success is enough, else the last attempt decides', async t => {
  t.equal(runOutcomeOf([ended('failed'), ended('succeeded', { attempt: 2 })]), 'success')
  t.equal(runOutcomeOf([ended('lost'), ended('failed', { attempt: 2 })]), 'failure')
  t.equal(runOutcomeOf([ended('lost'), ended('aborted', { attempt: 2 })]), 'aborted')
  t.equal(runOutcomeOf([ended('lost'), ended('withdrawn', { attempt: 2 })]), 'failure')
  t.equal(runOutcomeOf([ended('withdrawn')]), undefined)
})

t.test('a run goes on while an attempt has not ended, a provisional loss among them', async t => {
  for (const state of ['queued', 'reserved', 'running', 'aborting', 'lost'] as const)
    t.equal(
      runOutcomeOf([ended('failed'), executionRow({ state, attempt: 2, finished_at: null })]),
      undefined,
    )
})

t.test('a job had failed if the run of it that ended last has', async t => {
  const run = (group: string, state: ExecutionRow['state'], finished_at: number) =>
    ended(state, { group, finished_at })
  t.equal(hadFailed([], 'now'), false)
  t.equal(hadFailed([run('a', 'failed', 1)], 'now'), true)
  t.equal(hadFailed([run('a', 'failed', 1), run('b', 'succeeded', 2)], 'now'), false)
  // The one that was made later has ended earlier.
  t.equal(hadFailed([run('b', 'succeeded', 2), run('a', 'failed', 3)], 'now'), true)
  t.equal(hadFailed([run('a', 'failed', 1), run('b', 'aborted', 2)], 'now'), true)
  t.equal(hadFailed([run('now', 'failed', 1)], 'now'), false)
  const goesOn = executionRow({ group: 'b', state: 'running', attempt: 2, finished_at: null })
  t.equal(hadFailed([run('a', 'succeeded', 1), run('b', 'failed', 2), goesOn], 'now'), false)
})

t.test('a run is late so long after its first attempt began', async t => {
  const row = executionRow({ state: 'running', expected_seconds: 2, late_at: null })
  t.equal(lateAtOf(row, { ...row, state: 'reserved' }, 10_000), 12_000)
  t.equal(lateAtOf(row, row, 10_000), null, 'it has been noticed')
  t.equal(lateAtOf({ ...row, attempt: 2 }, { ...row, state: 'reserved' }, 10_000), null)
  t.equal(lateAtOf({ ...row, late_at: 5 }, { ...row, state: 'lost' }, 10_000), 5, 'it came back')
  t.equal(lateAtOf(ended('failed', { late_at: 5 }), row, 10_000), null)
  t.equal(lateAtOf({ ...row, expected_seconds: null }, { ...row, state: 'reserved' }, 10_000), null)
})

t.test('a recovery says more than a success', async t => {
  t.same(eventsOfEnd('success', true), ['recovery', 'success'])
  t.same(eventsOfEnd('success', false), ['success'])
  t.same(eventsOfEnd('failure', true), ['failure'])
})
