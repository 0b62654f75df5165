import fc from 'fast-check'
import t from 'tap'
import { endStates } from '../../../src/protocol/states.ts'
import * as executions from '../../../src/server/rules/transitions.ts'
import type { ExecutionRow } from '../../../src/store/rows.ts'
import { makeContext } from '../../support/context.ts'
import { anyExecution, execution, testId } from '../../support/rows.ts'

const { settings } = makeContext()
const now = 2000
const at = { now, watched: now }
const to = { runner_id: testId(7), node_name: 'seven', session: 1, lease_id: testId(1) }
const said = {
  lease_id: testId(1),
  exit_code: 0,
  reason: null,
  error_message: null,
  output_sha256: null,
  started_at: 1500,
  finished_at: 1900,
}

/** Every arrow, applied to a row it does not fit: undefined. */
const arrows: Record<string, (row: ExecutionRow) => ExecutionRow | undefined> = {
  adopt: row => attempt(() => executions.adopt(row, to, at, settings)),
  recall: row => attempt(() => executions.recall(row, to, at, settings)),
  reserve: row => attempt(() => executions.reserve(row, to, at, settings)),
  requeue: row => attempt(() => executions.requeue(row, at)),
  giveBack: row => attempt(() => executions.giveBack(row, at)),
  waitedTooLong: row => attempt(() => executions.waitedTooLong(row, now)),
  confirmed: row => value(executions.confirmed(row, testId(1), at, settings)),
  renew: row => attempt(() => executions.renew(row, now + 1)),
  lose: row => attempt(() => executions.lose(row, at, settings)),
  revive: row => (executions.isProvisional(row) ? executions.revive(row, now + 1) : undefined),
  withdraw: row => attempt(() => executions.withdraw(row, now)),
  supersede: row => (executions.isProvisional(row) ? executions.supersede(row, now) : undefined),
  abort: row => value(executions.abort(row, now)),
  abortUnheard: row => attempt(() => executions.abortUnheard(row, now)),
  succeed: row => value(executions.finish(row, { ...said, outcome: 'succeeded' })),
  fail: row => value(executions.finish(row, { ...said, outcome: 'failed' })),
  beAborted: row => value(executions.finish(row, { ...said, outcome: 'aborted' })),
}

function attempt(work: () => ExecutionRow): ExecutionRow | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

const value = (result: { ok: true; value: ExecutionRow } | { ok: false }): ExecutionRow | undefined =>
  result.ok ? result.value : undefined

const anyArrow = fc.constantFrom(...Object.keys(arrows))

function always(holds: (before: ExecutionRow, after: ExecutionRow, arrow: string) => boolean): void {
  fc.assert(
    fc.property(anyExecution, anyArrow, (before, arrow) => {
      const after = arrows[arrow]!(before)
      return after === undefined || holds(before, after, arrow)
    }),
    { numRuns: 3000 },
  )
}

/** The arrows of src/protocol/states.ts. */
const allowed: Record<string, readonly string[]> = {
  queued: ['queued', 'reserved', 'running', 'failed', 'aborted', 'withdrawn'],
  reserved: ['reserved', 'queued', 'running', 'failed', 'aborted', 'succeeded', 'withdrawn'],
  running: ['running', 'aborting', 'succeeded', 'failed', 'aborted', 'lost'],
  aborting: ['aborting', 'succeeded', 'aborted'],
  lost: ['lost', 'running', 'succeeded', 'failed', 'aborted'],
}

t.test('an execution moves only along the arrows of the protocol', async t => {
  always((before, after) => after === before || allowed[before.state]?.includes(after.state) === true)
  t.pass()
})

t.test('what has ended changes no more', async t => {
  always((before, after) => !executions.hasEnded(before) || after === before)
  t.pass()
})

t.test('what has ended says when, and has no deadline and no other attempt to go by', async t => {
  always(
    (_, after) =>
      executions.hasEnded(after) === (after.finished_at !== null) &&
      (!executions.hasEnded(after) ||
        (after.deadline === null && after.next_id === null && after.previous_id === null)),
  )
  t.pass()
})

t.test('whatever is held or lost has a deadline', async t => {
  always(
    (_, after) =>
      executions.hasEnded(after) || after.state === 'queued' || typeof after.deadline === 'number',
  )
  t.pass()
})

t.test('a held execution has a holder and a lease, a queued one has neither', async t => {
  always((before, after) => {
    const holder = [after.runner_id, after.session, after.lease_id]
    if (after.state === 'queued') return holder.every(part => part === null)
    return endStates.includes(after.state) || before.runner_id === null
      ? true
      : holder.every(part => part !== null)
  })
  t.pass()
})

t.test('an execution has at most one result', async t => {
  fc.assert(
    fc.property(anyExecution, fc.array(anyArrow, { maxLength: 12 }), (first, path) => {
      const results = new Set(first.result === null ? [] : [first.result])
      let row = first
      for (const arrow of path) {
        row = arrows[arrow]!(row) ?? row
        if (row.result !== null) results.add(row.result)
      }
      return results.size <= 1
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

t.test('the same result again is fine, another one is refused', async t => {
  const running = execution({ ...to, state: 'running', deadline: 3000 })
  const first = executions.finish(running, { ...said, outcome: 'failed', exit_code: 1 })
  if (!first.ok) return void t.fail('refused')
  const again = (change: Partial<executions.ReportedEnd>) =>
    executions.finish(first.value, { ...said, outcome: 'failed', exit_code: 1, ...change })
  t.strictSame(again({ started_at: 1, finished_at: 2, reason: 'else' }), { ok: true, value: first.value })
  for (const change of [
    { outcome: 'succeeded' as const },
    { exit_code: 2 },
    { output_sha256: 'ab' },
    { lease_id: testId(2) },
  ])
    t.match(again(change), { ok: false, failure: { reason: 'already-finished' } })
})

t.test('of what was to be aborted only a success stays what it is', async t => {
  const aborting = execution({ ...to, state: 'aborting', deadline: 3000, abort_at: 1800 })
  const states = (['succeeded', 'failed', 'aborted'] as const).map(
    outcome => value(executions.finish(aborting, { ...said, outcome }))?.state,
  )
  t.strictSame(states, ['succeeded', 'aborted', 'aborted'])
})

t.test('the tenth reservation that nobody confirms fails the execution', async t => {
  let row = execution()
  for (let times = 1; times <= executions.mostUnconfirmed; times++) {
    t.equal(row.state, 'queued')
    row = executions.requeue(executions.reserve(row, to, at, settings), at)
  }
  t.match(row, { state: 'failed', reason: 'never-confirmed', unconfirmed: 10 })
})

t.test('a script that nobody confirms is not queued: its runner had it before', async t => {
  const script = executions.reserve(execution({ kind: 'script' }), to, at, settings)
  t.match(executions.requeue(script, at), { state: 'failed', reason: 'not-confirmed' })
})

t.test('a reservation that comes back after its wait in the queue is over fails', async t => {
  const row = executions.reserve(execution({ queue_until: now + 1 }), to, at, settings)
  t.match(executions.giveBack(row, at), { state: 'queued', deadline: now + 1 })
  t.match(executions.giveBack(row, { now, watched: now + 1 }), { state: 'failed', reason: 'queued-too-long' })
})

t.test('an attempt more waits as long as the first one did, and is one fewer', async t => {
  const lost = execution({ ...to, state: 'lost', retries_left: 2, created_at: 100, queue_until: 600 })
  const next = executions.nextAttempt(lost, { id: testId(9), attempt: 4, delay: 0 }, at)
  t.match(next, {
    state: 'queued',
    attempt: 4,
    retries_left: 1,
    queue_until: now + 500,
    previous_id: lost.id,
  })
  t.match(next, { runner_id: null, lease_id: null, result: null, unconfirmed: 0, created_at: now })
})

t.test(
  'there is another attempt after a failure its runner told of and after a loss, never after an abort',
  async t => {
    always((_, after) => {
      const retried = executions.mayRetry(after)
      if (after.retries_left === 0 || after.kind === 'script') return !retried
      return (
        retried === (executions.isProvisional(after) || (after.state === 'failed' && after.result !== null))
      )
    })
    t.pass()
  },
)

t.test('a confirm that comes again keeps the lease, and one that comes too late is told why', async t => {
  const confirm = (row: ExecutionRow, lease = testId(1)) => executions.confirmed(row, lease, at, settings)
  const running = execution({ ...to, state: 'running', deadline: 2001, started_at: 1 })
  t.match(confirm(running), { ok: true, value: { state: 'running', started_at: 1, deadline: 62_000 } })
  t.match(confirm({ ...running, state: 'lost' }), { ok: true, value: { state: 'running' } })
  t.match(confirm({ ...running, state: 'aborting' }), { ok: true, value: { state: 'aborting' } })
  t.match(confirm(execution()), { failure: { reason: 'reservation-expired' } })
  t.match(confirm(running, testId(2)), { failure: { reason: 'reservation-expired' } })
  t.match(confirm({ ...running, state: 'aborted', finished_at: 1 }), {
    failure: { reason: 'reservation-expired', detail: 'It was aborted' },
  })
  const script = executions.requeue(execution({ ...to, kind: 'script', state: 'reserved' }), at)
  t.match(confirm(script), {
    failure: { reason: 'reservation-expired', detail: 'It was not confirmed in time' },
  })
  t.match(confirm({ ...running, state: 'lost', finished_at: 1 }), { failure: { reason: 'superseded' } })
})
