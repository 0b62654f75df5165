/*
 * Log and result of an execution that the store has as queued or reserved: a store restored from a backup takes
 * them from the runner whose lease it is. Every other lease is refused, and changes nothing.
 */
import t from 'tap'
import { type ProblemReason, problemType } from '../../../src/protocol/problem.ts'
import { type Lease, serverTest, TestRunner, type TestServer } from '../../support/server.ts'
import { stores } from '../../support/stores.ts'

type Tap = Parameters<Parameters<typeof serverTest>[3]>[0]

/** Nothing ends by itself. */
const settings = { confirm_within_seconds: 60, lease_seconds: 60 }

/** A runner in a group of its own, which gets the jobs of that group alone. */
const runnerOf = (server: TestServer, runner_group: string, name = runner_group) =>
  server.runner({ name, runner_group })

/** A job that the runner was offered, and that is in the queue again: its lease is that of a forgotten confirm. */
async function givenBack(server: TestServer, runner: TestRunner, job: Record<string, unknown>) {
  await runner.heartbeat()
  await server.submit(job)
  const lease = await runner.take()
  const body = { reason: 'stopped', back_within_seconds: 0 }
  const left = await runner.call('POST', `/v1/runners/${runner.id}/leave`, { body })
  if (left.status !== 204) throw new Error(left.text)
  return lease
}

/** Sends log and result with a lease: both are refused, and the execution stays as it was. */
async function refused(
  t: Tap,
  runner: TestRunner,
  lease: Lease,
  state: string,
  status: number,
  reason: ProblemReason,
): Promise<void> {
  const { server } = runner
  const look = async () => {
    const { waiting_because: _, ...all } = await server.execution(lease.execution_id)
    return all
  }
  const before = await look()
  t.equal(before.state, state)
  for (const answer of [
    await runner.log(lease, 0, 'forged'),
    await runner.result(lease),
    await runner.result(lease, { outcome: 'failed', exit_code: 1 }),
  ])
    t.match(answer, { status, json: { type: problemType(reason) } })
  t.same(await look(), before)
}

serverTest(t, 'no other lease gives a runner an execution', { settings, stores }, async (t, server) => {
  t.comment('its own lease, of an execution that is queued')
  const owner = await runnerOf(server, 'own')
  const own = await givenBack(server, owner, { runner_group: 'own' })
  t.equal((await server.execution(own.execution_id)).state, 'queued')
  t.match(await owner.log(own, 0, 'real'), { status: 200, json: { length: 4 } })
  t.match(await server.execution(own.execution_id), { state: 'running', runner_id: owner.id })

  const job = { runner_group: 'a', retries: 1 }
  const runner = await runnerOf(server, 'a')
  const other = await runnerOf(server, 'b')

  t.comment('the lease of another attempt')
  await server.submit(job)
  const first = await runner.begin()
  t.equal((await runner.result(first, { outcome: 'failed', exit_code: 1 })).status, 204)
  const { items } = (await server.call('GET', `/v1/executions?group=${first.group}&state=queued`)).json
  const next = { execution_id: items[0].id, lease_id: first.lease_id }
  await refused(t, runner, next, 'queued', 409, 'reservation-expired')
  t.equal((await server.call('POST', `/v1/executions/${next.execution_id}/abort`)).status, 200)

  t.comment('the lease of another runner, of one that is queued and of one that is reserved')
  const queued = await givenBack(server, runner, job)
  await refused(t, other, queued, 'queued', 409, 'reservation-expired')
  t.equal((await runner.heartbeat()).status, 200)
  const reserved = await runner.take()
  t.equal(reserved.lease_id, queued.lease_id)
  await refused(t, other, reserved, 'reserved', 403, 'not-yours')

  t.comment('of an execution that was aborted: while it was reserved, and while it was queued')
  t.equal((await server.call('POST', `/v1/executions/${reserved.execution_id}/abort`)).status, 200)
  await refused(t, runner, reserved, 'aborted', 409, 'already-finished')
  const aborted = await givenBack(server, runner, job)
  t.equal((await server.call('POST', `/v1/executions/${aborted.execution_id}/abort`)).status, 200)
  await refused(t, runner, aborted, 'aborted', 409, 'reservation-expired')

  t.comment('of an execution that another runner has begun meanwhile, and of one that it has ended')
  const moved = await givenBack(server, runner, job)
  const second = await runnerOf(server, 'a', 'second')
  const theirs = await second.begin()
  t.equal(theirs.execution_id, moved.execution_id)
  t.not(theirs.lease_id, moved.lease_id)
  await refused(t, runner, moved, 'running', 403, 'not-yours')
  await refused(t, runner, theirs, 'running', 403, 'not-yours')
  await refused(t, second, moved, 'running', 409, 'reservation-expired')
  t.equal((await second.result(theirs)).status, 204)
  await refused(t, runner, moved, 'succeeded', 403, 'not-yours')

  t.comment('of a runner that was deleted')
  const gone = await runnerOf(server, 'gone')
  const goneLease = await givenBack(server, gone, { runner_group: 'gone' })
  t.equal((await server.call('DELETE', `/v1/runners/${gone.id}`)).status, 204)
  await refused(t, gone, goneLease, 'queued', 410, 'deleted')
  t.equal((await server.call('PATCH', `/v1/runners/${gone.id}`, { body: { deleted: false } })).status, 200)
  await refused(t, gone, goneLease, 'queued', 401, 'bad-token')
  const again = await runnerOf(server, 'gone', 'again')
  await refused(t, again, goneLease, 'queued', 409, 'reservation-expired')

  t.comment('of a session that is over')
  const older = await runnerOf(server, 'renewed')
  const olderLease = await givenBack(server, older, { runner_group: 'renewed' })
  const body = { uuid: older.id, name: 'renewed', runner_group: 'renewed' }
  const newer = await TestRunner.register(server, body)
  t.equal((await newer.heartbeat()).status, 200)
  await refused(t, older, olderLease, 'queued', 409, 'session-superseded')
  t.equal((await newer.log(olderLease, 0, 'real')).status, 200, 'the runner is the same')
})

const brief = { settings: { confirm_within_seconds: 60 }, stores }

serverTest(t, 'nor does one that a later attempt has superseded', brief, async (t, server) => {
  const runner = await runnerOf(server, 'a')
  await server.submit({ runner_group: 'a', retries: 1 })
  const lost = await runner.begin()
  // Nobody renews the lease, which ends.
  const second = await runnerOf(server, 'a', 'second')
  await using _ = second.alive()
  const next = await second.take(30)
  t.match(next, { group: lost.group, attempt: 2 })
  await refused(t, runner, lost, 'lost', 410, 'superseded')
  await refused(t, runner, { ...next, lease_id: lost.lease_id }, 'reserved', 403, 'not-yours')
})
