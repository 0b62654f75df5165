import t from 'tap'
import type { ResultMessage } from '../../../src/protocol/messages/results.ts'
import { seal } from '../../../src/protocol/seal.ts'
import { sha256 } from '../../support/messages.ts'
import { testId } from '../../support/rows.ts'
import { onEachStore } from '../../support/server-rig.ts'

t.setTimeout(360_000)

const failed = { outcome: 'failed', exit_code: 1, reason: 'exit-status' } as const

onEachStore(t, 'a result ends an execution, and its output is sealed at rest', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner)
  const output = { exitCode: 0, outputProperties: { token: 'private' } }
  t.ok((await rig.result(runner, reservation, { output: rig.seal(output) })).ok)
  t.match(await rig.execution(reservation.execution_id), {
    state: 'succeeded',
    exit_code: 0,
    deadline: null,
    finished_at: rig.clock.wall,
  })
  const sealed = (await rig.store.read(tx => tx.output(reservation.execution_id)))!
  t.notMatch(sealed, /private/)
  t.same(JSON.parse(rig.ctx.keys.openAtRest(sealed)), output)
})

onEachStore(t, 'the same result again is taken, sealed anew too; another one is refused', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner)
  const send = (output: unknown, more: Partial<ResultMessage> = {}) =>
    rig.result(runner, reservation, { output: rig.seal(output), ...more })
  t.ok((await send({ a: 1 })).ok)
  t.ok((await send({ a: 1 }, { error_message: 'said otherwise', log_length: 9 })).ok)
  for (const other of [
    send({ a: 2 }),
    send({ a: 1 }, { exit_code: 1 }),
    send({ a: 1 }, { outcome: 'failed' }),
    send({ a: 1 }, { output: null }),
    send({ a: 1 }, { lease_id: testId(4) }),
  ])
    t.match(await other, { failure: { reason: 'already-finished' } })
  t.match(await rig.execution(reservation.execution_id), { state: 'succeeded', error_message: null })
})

onEachStore(t, 'an output under another key is to be sealed again', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner)
  const output = seal('{}', Buffer.alloc(32, 9))
  t.match(await rig.result(runner, reservation, { output }), { failure: { reason: 'unknown-key' } })
  t.match(await rig.execution(reservation.execution_id), { state: 'running' })
  t.ok((await rig.result(runner, reservation, { output: rig.seal({}) })).ok)
  t.match(await rig.result(runner, reservation, { output }), { failure: { reason: 'unknown-key' } })
})

onEachStore(
  t,
  'a result whose output does not fit is kept as a failure that says so, and taken again',
  async (t, rig) => {
    const runner = await rig.addRunner()
    const reservation = await rig.start(runner)
    const output = rig.seal('x'.repeat(498))
    t.ok((await rig.result(runner, reservation, { output })).ok)
    const deep = JSON.parse(`${'['.repeat(101)}${']'.repeat(101)}`)
    for (const [given, why] of [
      ['x'.repeat(499), /^its output has 501 bytes, more than the 500 that are kept/],
      [deep, /^its output has more than 100 levels/],
    ] as const) {
      const other = await rig.start(runner)
      const send = () => rig.result(runner, other, { output: rig.seal(given) })
      t.ok((await send()).ok)
      t.ok((await send()).ok)
      const failure = { state: 'failed', reason: 'output-invalid', error_message: why }
      t.match(await rig.execution(other.execution_id), failure)
      t.equal(await rig.store.read(tx => tx.output(other.execution_id)), undefined)
      t.match(await rig.result(runner, other), { failure: { reason: 'already-finished' } })
    }
    const unsuccessful = await rig.start(runner)
    const large = rig.seal('x'.repeat(499))
    await rig.result(runner, unsuccessful, { ...failed, output: large })
    t.match(await rig.execution(unsuccessful.execution_id), { state: 'failed', reason: 'exit-status' })
  },
  { max_output_bytes: 500 },
)

onEachStore(t, "a runner says nothing about another runner's execution", async (t, rig) => {
  const [runner, other] = [await rig.addRunner(), await rig.addRunner()]
  const reservation = await rig.start(runner)
  const refused = { failure: { reason: 'not-yours' } }
  t.match(await rig.result(other, reservation), refused)
  t.match(await rig.confirm(other, reservation), refused)
  t.match(await rig.log(other, reservation, 0, 'x'), refused)
  const nothing = { execution_id: testId(9), lease_id: reservation.lease_id }
  t.match(await rig.result(runner, nothing), { failure: { reason: 'not-found' } })
})

onEachStore(t, 'a failure is tried again as often as it may be, an abort is not', async (t, rig) => {
  const runner = await rig.addRunner()
  const first = await rig.start(runner, { retries: 1 })
  await rig.result(runner, first, failed)
  const [second] = await rig.reserve(runner)
  t.match(second, { group: first.execution_id, attempt: 2 })
  await rig.confirm(runner, second!)
  await rig.result(runner, second!, failed)
  t.match(await rig.attempts(first.execution_id), [
    { state: 'failed', reason: 'exit-status' },
    { state: 'failed', retries_left: 0 },
  ])
  const aborted = await rig.start(runner, { retries: 1 })
  await rig.result(runner, aborted, { outcome: 'aborted', exit_code: null })
  t.equal((await rig.attempts(aborted.execution_id)).length, 1)
})

onEachStore(
  t,
  'a late result counts, and withdraws the attempt in its place (gitlab-runner#38017)',
  async (t, rig) => {
    const runner = await rig.addRunner()
    const reservation = await rig.start(runner, { retries: 1 })
    await rig.wait(65)
    t.ok((await rig.result(runner, reservation)).ok)
    t.match(await rig.attempts(reservation.execution_id), [
      { state: 'succeeded', reason: null, error_message: null },
      { state: 'withdrawn' },
    ])
    t.same(await rig.reserve(runner), [])
  },
)

onEachStore(t, 'a late failure is tried again as an attempt of its own', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner, { retries: 1 })
  await rig.wait(65)
  await rig.result(runner, reservation, failed)
  t.match(await rig.attempts(reservation.execution_id), [
    { state: 'failed' },
    { state: 'withdrawn' },
    { state: 'queued', attempt: 3, retries_left: 0 },
  ])
})

onEachStore(t, 'a success that was faster than the abort stays one, a failure does not', async (t, rig) => {
  const runner = await rig.addRunner()
  const [one, other] = [await rig.start(runner), await rig.start(runner, { retries: 3 })]
  for (const { execution_id } of [one, other]) t.ok((await rig.abort(execution_id)).ok)
  await rig.result(runner, one)
  await rig.result(runner, other, failed)
  t.match(await rig.execution(one.execution_id), { state: 'succeeded', abort_at: Number })
  t.match(await rig.attempts(other.execution_id), [{ state: 'aborted', exit_code: 1 }])
})

onEachStore(
  t,
  'an abort ends at once what does not run, and is refused for what has ended',
  async (t, rig) => {
    const runner = await rig.addRunner()
    const queued = await rig.submit()
    await rig.abort(queued)
    t.match(await rig.execution(queued), { state: 'aborted' })
    await rig.submit()
    const [reserved] = await rig.reserve(runner)
    await rig.abort(reserved!.execution_id)
    t.match(await rig.confirm(runner, reserved!), { failure: { reason: 'reservation-expired' } })
    t.match(await rig.abort(queued), { failure: { reason: 'already-finished' } })
    t.match(await rig.abort(testId(9)), { failure: { reason: 'not-found' } })
    const running = await rig.start(runner)
    t.match(await rig.abort(running.execution_id), { value: { state: 'aborting' } })
    t.match(await rig.abort(running.execution_id), { value: { state: 'aborting' } })
    await rig.wait(65)
    t.match(await rig.execution(running.execution_id), { state: 'aborted', reason: 'lease-ended' })
    t.match(await rig.result(runner, running), { failure: { reason: 'already-finished' } })
  },
)

onEachStore(t, 'times are told by the clock of the server, and never lie in the future', async (t, rig) => {
  const runner = await rig.addRunner()
  const at = (seconds: number) => new Date(rig.clock.wall + seconds * 1000).toISOString()
  const [one, other] = [await rig.start(runner), await rig.start(runner)]
  await rig.heartbeat(runner, [one.execution_id, other.execution_id], { clock_difference_seconds: 100 })
  rig.pass(30)
  await rig.result(runner, one, { started_at: at(75), finished_at: at(90) })
  const { wall } = rig.clock
  t.match(await rig.execution(one.execution_id), { started_at: wall - 25_000, finished_at: wall - 10_000 })
  await rig.result(runner, other, { started_at: '1970-01-01t00:00:00z', finished_at: at(999) })
  t.match(await rig.execution(other.execution_id), { started_at: wall - 30_000, finished_at: wall })
})

onEachStore(t, 'an execution took as long as its runner says, whatever the clocks show', async (t, rig) => {
  const runner = await rig.addRunner()
  const at = (seconds: number) => new Date(rig.clock.wall + seconds * 1000).toISOString()
  const timesOf = async (started: number, finished: number, difference: number | null, waited = 60) => {
    const one = await rig.start(runner)
    const begun = rig.clock.wall
    rig.pass(waited)
    const times = { started_at: at(started), finished_at: at(finished) }
    await rig.result(runner, one, times, difference)
    const { started_at, finished_at } = await rig.execution(one.execution_id)
    t.ok(
      started_at! >= begun && finished_at! <= rig.clock.wall,
      'neither before it was made nor in the future',
    )
    return [started_at! - rig.clock.wall, finished_at! - rig.clock.wall]
  }
  t.same(await timesOf(3590.4, 3591.4, 3600.4), [-10_000, -9_000], 'by the difference that came with it')
  t.same(await timesOf(-0.4, 0.6, null), [-1_000, 0], 'a little in the future')
  t.same(await timesOf(400, 401, null), [-1_000, 0])
  t.same(await timesOf(-400, -399, null), [-60_000, -59_000], 'before it was made')
  t.same(await timesOf(-400, 400, null), [-60_000, 0], 'longer than it has been known')
  t.same(await timesOf(5, -5, null), [0, 0], 'backwards')
  t.same(await timesOf(0, 1, 1e12), [-60_000, -59_000])
  t.same(await timesOf(0, 1, -1e12), [-1_000, 0])
})

onEachStore(t, 'what a runner says of a failure has no secrets', async (t, rig) => {
  const runner = await rig.addRunner()
  const reservation = await rig.start(runner, { secret_env: { PASSWORD: 'open sesame' } })
  await rig.result(runner, reservation, { ...failed, error_message: 'not "open sesame"' })
  t.match(await rig.execution(reservation.execution_id), { error_message: 'not "***********"' })
})

onEachStore(t, 'a reservation that has a result was confirmed', async (t, rig) => {
  const runner = await rig.addRunner()
  await rig.submit()
  const [reservation] = await rig.reserve(runner)
  t.ok((await rig.result(runner, reservation!, { log_sha256: sha256('') })).ok)
  t.match(await rig.execution(reservation!.execution_id), { state: 'succeeded' })
})
