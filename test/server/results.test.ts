import t from 'tap'
import type { ResultMessage } from '../../src/protocol/messages.ts'
import { seal } from '../../src/protocol/seal.ts'
import { testId } from '../support/server-rows.ts'
import { onEachWorld, sha256 } from '../support/server-world.ts'

t.setTimeout(120_000)

const failed = { outcome: 'failed', exit_code: 1, reason: 'exit-status' } as const

onEachWorld(t, 'a result ends an execution, and its output is sealed at rest', async (t, world) => {
  const runner = await world.addRunner()
  const reservation = await world.start(runner)
  const output = { exitCode: 0, outputProperties: { token: 'private' } }
  t.ok((await world.result(runner, reservation, { output: world.seal(output) })).ok)
  t.match(await world.execution(reservation.execution_id), {
    state: 'succeeded',
    exit_code: 0,
    deadline: null,
    finished_at: world.clock.wall,
  })
  const sealed = (await world.store.read(tx => tx.output(reservation.execution_id)))!
  t.notMatch(sealed, /private/)
  t.same(JSON.parse(world.ctx.keys.openAtRest(sealed)), output)
})

onEachWorld(
  t,
  'the same result again is taken, sealed anew too; another one is refused',
  async (t, world) => {
    const runner = await world.addRunner()
    const reservation = await world.start(runner)
    const send = (output: unknown, more: Partial<ResultMessage> = {}) =>
      world.result(runner, reservation, { output: world.seal(output), ...more })
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
    t.match(await world.execution(reservation.execution_id), { state: 'succeeded', error_message: null })
  },
)

onEachWorld(t, 'an output under another key is to be sealed again', async (t, world) => {
  const runner = await world.addRunner()
  const reservation = await world.start(runner)
  const output = seal('{}', Buffer.alloc(32, 9))
  t.match(await world.result(runner, reservation, { output }), { failure: { reason: 'unknown-key' } })
  t.match(await world.execution(reservation.execution_id), { state: 'running' })
  t.ok((await world.result(runner, reservation, { output: world.seal({}) })).ok)
  t.match(await world.result(runner, reservation, { output }), { failure: { reason: 'unknown-key' } })
})

onEachWorld(
  t,
  'a result whose output does not fit is kept as a failure that says so, and taken again',
  async (t, world) => {
    const runner = await world.addRunner()
    const reservation = await world.start(runner)
    const output = world.seal('x'.repeat(498))
    t.ok((await world.result(runner, reservation, { output })).ok)
    const deep = JSON.parse(`${'['.repeat(101)}${']'.repeat(101)}`)
    for (const [given, why] of [
      ['x'.repeat(499), /^its output has 501 bytes, more than the 500 that are kept/],
      [deep, /^its output has more than 100 levels/],
    ] as const) {
      const other = await world.start(runner)
      const send = () => world.result(runner, other, { output: world.seal(given) })
      t.ok((await send()).ok)
      t.ok((await send()).ok)
      const failure = { state: 'failed', reason: 'output-invalid', error_message: why }
      t.match(await world.execution(other.execution_id), failure)
      t.equal(await world.store.read(tx => tx.output(other.execution_id)), undefined)
      t.match(await world.result(runner, other), { failure: { reason: 'already-finished' } })
    }
    const unsuccessful = await world.start(runner)
    const large = world.seal('x'.repeat(499))
    await world.result(runner, unsuccessful, { ...failed, output: large })
    t.match(await world.execution(unsuccessful.execution_id), { state: 'failed', reason: 'exit-status' })
  },
  { max_output_bytes: 500 },
)

onEachWorld(t, "a runner says nothing about another runner's execution", async (t, world) => {
  const [runner, other] = [await world.addRunner(), await world.addRunner()]
  const reservation = await world.start(runner)
  const refused = { failure: { reason: 'not-yours' } }
  t.match(await world.result(other, reservation), refused)
  t.match(await world.confirm(other, reservation), refused)
  t.match(await world.log(other, reservation, 0, 'x'), refused)
  const nothing = { execution_id: testId(9), lease_id: reservation.lease_id }
  t.match(await world.result(runner, nothing), { failure: { reason: 'not-found' } })
})

onEachWorld(t, 'a failure is tried again as often as it may be, an abort is not', async (t, world) => {
  const runner = await world.addRunner()
  const first = await world.start(runner, { retries: 1 })
  await world.result(runner, first, failed)
  const [second] = await world.reserve(runner)
  t.match(second, { group: first.execution_id, attempt: 2 })
  await world.confirm(runner, second!)
  await world.result(runner, second!, failed)
  t.match(await world.attempts(first.execution_id), [
    { state: 'failed', reason: 'exit-status' },
    { state: 'failed', retries_left: 0 },
  ])
  const aborted = await world.start(runner, { retries: 1 })
  await world.result(runner, aborted, { outcome: 'aborted', exit_code: null })
  t.equal((await world.attempts(aborted.execution_id)).length, 1)
})

onEachWorld(
  t,
  'a late result counts, and withdraws the attempt in its place (gitlab-runner#38017)',
  async (t, world) => {
    const runner = await world.addRunner()
    const reservation = await world.start(runner, { retries: 1 })
    await world.wait(65)
    t.ok((await world.result(runner, reservation)).ok)
    t.match(await world.attempts(reservation.execution_id), [
      { state: 'succeeded', reason: null, error_message: null },
      { state: 'withdrawn' },
    ])
    t.same(await world.reserve(runner), [])
  },
)

onEachWorld(t, 'a late failure is tried again as an attempt of its own', async (t, world) => {
  const runner = await world.addRunner()
  const reservation = await world.start(runner, { retries: 1 })
  await world.wait(65)
  await world.result(runner, reservation, failed)
  t.match(await world.attempts(reservation.execution_id), [
    { state: 'failed' },
    { state: 'withdrawn' },
    { state: 'queued', attempt: 3, retries_left: 0 },
  ])
})

onEachWorld(t, 'a success that was faster than the abort stays one, a failure does not', async (t, world) => {
  const runner = await world.addRunner()
  const [one, other] = [await world.start(runner), await world.start(runner, { retries: 3 })]
  for (const { execution_id } of [one, other]) t.ok((await world.abort(execution_id)).ok)
  await world.result(runner, one)
  await world.result(runner, other, failed)
  t.match(await world.execution(one.execution_id), { state: 'succeeded', abort_at: Number })
  t.match(await world.attempts(other.execution_id), [{ state: 'aborted', exit_code: 1 }])
})

onEachWorld(
  t,
  'an abort ends at once what does not run, and is refused for what has ended',
  async (t, world) => {
    const runner = await world.addRunner()
    const queued = await world.submit()
    await world.abort(queued)
    t.match(await world.execution(queued), { state: 'aborted' })
    await world.submit()
    const [reserved] = await world.reserve(runner)
    await world.abort(reserved!.execution_id)
    t.match(await world.confirm(runner, reserved!), { failure: { reason: 'reservation-expired' } })
    t.match(await world.abort(queued), { failure: { reason: 'already-finished' } })
    t.match(await world.abort(testId(9)), { failure: { reason: 'not-found' } })
    const running = await world.start(runner)
    t.match(await world.abort(running.execution_id), { value: { state: 'aborting' } })
    t.match(await world.abort(running.execution_id), { value: { state: 'aborting' } })
    await world.wait(65)
    t.match(await world.execution(running.execution_id), { state: 'aborted', reason: 'lease-ended' })
    t.match(await world.result(runner, running), { failure: { reason: 'already-finished' } })
  },
)

onEachWorld(t, 'an abort of what is lost withdraws what was to be tried in its place', async (t, world) => {
  const runner = await world.addRunner()
  const lost = await world.start(runner, { retries: 1 })
  await world.wait(65)
  await world.abort(lost.execution_id)
  t.match(await world.attempts(lost.execution_id), [{ state: 'aborted' }, { state: 'withdrawn' }])
  t.same((await world.heartbeat(runner, [lost.execution_id])).gone, [lost.execution_id])
})

onEachWorld(t, 'an abort of an attempt that waits leaves the lost one before it be', async (t, world) => {
  const runner = await world.addRunner()
  const lost = await world.start(runner, { retries: 1 })
  await world.wait(65)
  const [, next] = await world.attempts(lost.execution_id)
  await world.abort(next!.id)
  t.same((await world.heartbeat(runner, [lost.execution_id])).leases, { [lost.execution_id]: 60 })
  t.match(await world.attempts(lost.execution_id), [{ state: 'running' }, { state: 'aborted' }])
})

onEachWorld(t, 'times are told by the clock of the server, and never lie in the future', async (t, world) => {
  const runner = await world.addRunner()
  const at = (seconds: number) => new Date(world.clock.wall + seconds * 1000).toISOString()
  const [one, other] = [await world.start(runner), await world.start(runner)]
  await world.heartbeat(runner, [one.execution_id, other.execution_id], { clock_difference_seconds: 100 })
  world.pass(30)
  await world.result(runner, one, { started_at: at(75), finished_at: at(90) })
  const { wall } = world.clock
  t.match(await world.execution(one.execution_id), { started_at: wall - 25_000, finished_at: wall - 10_000 })
  await world.result(runner, other, { started_at: '1970-01-01t00:00:00z', finished_at: at(999) })
  t.match(await world.execution(other.execution_id), { started_at: wall - 30_000, finished_at: wall })
})

onEachWorld(t, 'an execution took as long as its runner says, whatever the clocks show', async (t, world) => {
  const runner = await world.addRunner()
  const at = (seconds: number) => new Date(world.clock.wall + seconds * 1000).toISOString()
  const timesOf = async (started: number, finished: number, difference: number | null, waited = 60) => {
    const one = await world.start(runner)
    const begun = world.clock.wall
    world.pass(waited)
    const times = { started_at: at(started), finished_at: at(finished) }
    await world.result(runner, one, times, difference)
    const { started_at, finished_at } = await world.execution(one.execution_id)
    t.ok(
      started_at! >= begun && finished_at! <= world.clock.wall,
      'neither before it was made nor in the future',
    )
    return [started_at! - world.clock.wall, finished_at! - world.clock.wall]
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

onEachWorld(t, 'what a runner says of a failure has no secrets', async (t, world) => {
  const runner = await world.addRunner()
  const reservation = await world.start(runner, { secret_env: { PASSWORD: 'open sesame' } })
  await world.result(runner, reservation, { ...failed, error_message: 'not "open sesame"' })
  t.match(await world.execution(reservation.execution_id), { error_message: 'not "***********"' })
})

onEachWorld(t, 'a reservation that has a result was confirmed', async (t, world) => {
  const runner = await world.addRunner()
  await world.submit()
  const [reservation] = await world.reserve(runner)
  t.ok((await world.result(runner, reservation!, { log_sha256: sha256('') })).ok)
  t.match(await world.execution(reservation!.execution_id), { state: 'succeeded' })
})
