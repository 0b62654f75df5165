import t from 'tap'
import type { JobBody, Submit } from '../../../src/protocol/messages/jobs.ts'
import { deleteJob } from '../../../src/server/operator-side/delete-job.ts'
import { deleteRunner } from '../../../src/server/operator-side/delete-runner.ts'
import { putJob } from '../../../src/server/operator-side/put-job.ts'
import { runJob } from '../../../src/server/operator-side/run-job.ts'
import { submit } from '../../../src/server/operator-side/submit.ts'
import { prospectOf } from '../../../src/server/state/concurrency.ts'
import { enqueue } from '../../../src/server/state/enqueue.ts'
import type { ExecutionOrigin } from '../../../src/server/state/new-execution.ts'
import type { RunnerRow } from '../../../src/store/runner-row.ts'
import { askedBy, named } from '../../support/server-caller.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

const define = (rig: ServerRig, body: Partial<JobBody>, name = 'a') =>
  rig.write(tx => putJob(tx, rig.ctx, named(name), { image: 'x', retry: { delay_seconds: 0 }, ...body }))

const ask = (rig: ServerRig, name = 'a') => rig.write(tx => runJob(tx, rig.ctx, name, askedBy()))

/** A new run of a job; its id. */
async function run(rig: ServerRig, name = 'a'): Promise<string> {
  const made = await ask(rig, name)
  if (!made.ok) throw new Error(made.failure.detail)
  return made.value.id
}

/** The prospect of a run of this definition. */
const prospect = (rig: ServerRig, body: Partial<JobBody>, origin: Partial<ExecutionOrigin> = {}) =>
  rig.read(tx => prospectOf(tx, body, { namespace: 'default', job_name: 'a', ...origin }))

/** The state of executions, and what they wait for. */
async function states(rig: ServerRig, ...ids: string[]): Promise<string[]> {
  const rows = await Promise.all(ids.map(id => rig.execution(id)))
  return rows.map(({ state, waits }) => (waits === null ? state : `${state} ${waits}`))
}

/** Takes all that there is for a runner, and confirms it. */
async function takeAll(rig: ServerRig, runner: RunnerRow) {
  const taken = await rig.reserve(runner)
  for (const one of taken) await rig.confirm(runner, one)
  return taken
}

onEachStore(
  t,
  'a run waits its turn behind the active one of its job, and no more wait than may',
  async (t, rig) => {
    const runner = await rig.addRunner()
    await define(rig, { concurrency: 'queue', queue_limit: 2, retries: 1 })
    const ids = [await run(rig), await run(rig), await run(rig)]
    t.same(await states(rig, ...ids), ['queued', 'queued turn', 'queued turn'])
    t.match(await ask(rig), {
      failure: {
        reason: 'queue-full',
        detail:
          'an execution of job a has not ended, and 2 runs of it wait already, as many as queue_limit allows',
      },
    })
    t.match(await prospect(rig, { concurrency: 'queue', queue_limit: 2 }), { failure: 'queue-full' })
    t.match(await prospect(rig, { concurrency: 'queue', queue_limit: 3 }), { ok: true, value: [] })
    t.match(
      await prospect(rig, { concurrency: 'queue' }, { catch_up: 'outage' }),
      { ok: true },
      'beside the limit',
    )
    t.match(await prospect(rig, { concurrency: 'forbid' }), { failure: 'overlap' })
    t.match(await prospect(rig, {}), { ok: true })

    const [one, ...others] = await takeAll(rig, runner)
    t.equal(one!.execution_id, ids[0])
    t.same(others, [], 'what waits is handed out to nobody')
    await rig.result(runner, one!, { outcome: 'failed', exit_code: 1 })
    t.same(await states(rig, ...ids), ['failed', 'queued turn', 'queued turn'], 'its next attempt is active')
    const [again] = await takeAll(rig, runner)
    t.equal(again!.group, ids[0])
    await rig.result(runner, again!)
    t.same(await states(rig, ...ids), ['failed', 'queued', 'queued turn'], 'the older one goes first')
    await rig.abort(ids[1]!)
    t.same(await states(rig, ...ids), ['failed', 'aborted', 'queued'])
  },
)

onEachStore(t, 'a run takes the place of the active one, and of one that waits', async (t, rig) => {
  const runner = await rig.addRunner()
  await define(rig, { concurrency: 'replace' })
  const first = await run(rig)
  const [held] = await takeAll(rig, runner)
  const second = await run(rig)
  t.same(await states(rig, first, second), ['aborting', 'queued turn'])
  t.match(await prospect(rig, { concurrency: 'replace' }), { ok: true, value: [{ id: second }] })
  const third = await run(rig)
  t.same(await states(rig, first, second, third), ['aborting', 'withdrawn', 'queued turn'])
  const replaced = (id: string) => ({
    reason: 'replaced',
    error_message: `Execution ${id} of the job has taken its place`,
  })
  t.match(await rig.execution(second), replaced(third))
  await rig.result(runner, held!, { outcome: 'aborted', exit_code: null, reason: 'aborted' })
  t.match(await rig.execution(first), { state: 'aborted', ...replaced(second) })
  t.same(await states(rig, third), ['queued'], 'it begins when the other has ended')
  const fourth = await run(rig)
  t.same(await states(rig, third, fourth), ['aborted', 'queued'], 'one that no runner has ends at once')
})

onEachStore(t, 'a run that is replaced is not tried again, lost or failed', async (t, rig) => {
  const runner = await rig.addRunner()
  await define(rig, { concurrency: 'replace', retries: 3, retry: { delay_seconds: 60 } })
  const failed = await run(rig)
  const [held] = await takeAll(rig, runner)
  await rig.result(runner, held!, { outcome: 'failed', exit_code: 1 })
  const lost = await run(rig)
  t.match(await rig.attempts(failed), [{ state: 'failed' }, { state: 'withdrawn', reason: 'replaced' }])
  await takeAll(rig, runner)
  await rig.wait(70)
  t.match(
    await rig.attempts(lost),
    [{ state: 'lost' }, { state: 'queued', waits: null }],
    'a loss is no failure',
  )
  const last = await run(rig)
  t.match(await rig.attempts(lost), [
    { state: 'aborted', reason: 'replaced' },
    { state: 'withdrawn', reason: 'replaced' },
  ])
  t.same(await states(rig, last), ['queued'])
})

onEachStore(
  t,
  'so many runs with a key are active as its limit says, in all jobs of the namespace',
  async (t, rig) => {
    const runner = await rig.addRunner({ set: { capacity: 9 } })
    const key = { concurrency_key: 'db', concurrency_limit: 2 }
    const submitted = (body: Partial<Submit>) => rig.submit({ ...key, ...body })
    const ids = [
      await submitted({ job_name: 'a', retries: 1, retry: { delay_seconds: 60 } }),
      await submitted({ job_name: 'b' }),
      await submitted({}),
      await submitted({ priority: 1 }),
      await submitted({ job_name: 'b', concurrency: 'queue' }),
    ]
    t.same(await states(rig, ...ids), ['queued', 'queued', 'queued key', 'queued key', 'queued turn'])
    const other = await rig.write(tx =>
      submit(tx, rig.ctx, { image: 'x', ...key }, askedBy({ namespace: 'other' })),
    )
    t.match(
      other,
      { ok: true, value: { waiting_because: 'it was queued just now' } },
      'a key is one of its namespace',
    )
    const [a, b] = await takeAll(rig, runner)
    await rig.result(runner, a!, { outcome: 'failed', exit_code: 1 })
    t.same(
      await states(rig, ...ids.slice(2)),
      ['queued key', 'queued key', 'queued turn'],
      'a delayed attempt counts',
    )
    await rig.result(runner, b!)
    t.same(
      await states(rig, ...ids.slice(2)),
      ['queued key', 'queued', 'queued key'],
      'the most urgent one first',
    )
    await rig.abort(ids[3]!)
    t.same(await states(rig, ...ids.slice(2)), ['queued', 'aborted', 'queued key'], 'then the oldest')
    const lower = await submitted({ concurrency_limit: 1, priority: 9 })
    await rig.abort(ids[2]!)
    t.same(await states(rig, ids[4]!, lower), ['queued key', 'queued key'], 'its own limit counts')
    await rig.abort((await rig.attempts(ids[0]!))[1]!.id)
    t.same(await states(rig, ids[4]!, lower), ['queued', 'queued'], 'who goes first has waited for both')
  },
)

onEachStore(t, 'nothing waits for ever, whatever happens to what it waits for', async (t, rig) => {
  const runner = await rig.addRunner()
  await define(rig, { concurrency: 'queue', queue_limit: 9, max_queue_seconds: 30 })
  const ids = [await run(rig), await run(rig), await run(rig), await run(rig)]
  await takeAll(rig, runner)
  await rig.write(tx => deleteRunner(tx, rig.ctx, runner.id))
  t.same(
    await states(rig, ...ids),
    ['aborted', 'queued', 'queued turn', 'queued turn'],
    'its runner was deleted',
  )
  await rig.write(tx => deleteJob(tx, named('a')))
  await rig.abort(ids[2]!)
  await rig.abort(ids[1]!)
  t.same(await states(rig, ...ids), ['aborted', 'aborted', 'aborted', 'queued'], 'its job was deleted')
  const late = await rig.submit({ job_name: 'a', concurrency: 'queue' })
  await rig.wait(30)
  t.same(await states(rig, ids[3]!, late), ['failed', 'queued'], 'what it waited for has waited too long')

  const behind = await rig.submit({ job_name: 'a', concurrency: 'queue', max_queue_seconds: 10 })
  await rig.wait(10)
  t.match(await rig.execution(behind), {
    state: 'failed',
    error_message:
      'No node took it within max_queue_seconds: another run of job a has not ended, and its concurrency is queue',
  })
  const freed = await rig.submit({ job_name: 'a', concurrency: 'queue' })
  await define(rig, { concurrency: 'allow' })
  t.same(await states(rig, late, freed), ['queued', 'queued'], 'its job may run beside itself now')

  const damaged = await rig.submit({ job_name: 'b', concurrency: 'queue' })
  const left = await rig.submit({ job_name: 'b', concurrency: 'queue' })
  await rig.write(async tx => {
    // Nobody says when the execution of a damaged row ends.
    tx.putExecution({ ...(await tx.execution(damaged))!, state: 'succeeded', finished_at: rig.now() })
  })
  await rig.wait(60)
  t.same(await states(rig, left), ['queued'], 'all that wait are looked at each minute')
})

onEachStore(
  t,
  'a run that a runner lists after a restore gives up its turn only while it is asked',
  async (t, rig) => {
    const runner = await rig.addRunner({ features: ['confirm'] })
    const first = await rig.submit({ job_name: 'a', concurrency: 'queue' })
    const second = await rig.submit({ job_name: 'a', concurrency: 'queue' })
    await rig.heartbeat(runner, [second])
    t.same(await states(rig, second), ['reserved turn'])
    await rig.wait(70)
    t.same(await states(rig, second), ['queued turn'], 'it waits again')
    await rig.write(async tx => tx.putExecution({ ...(await tx.execution(second))!, recall: null }))
    await rig.heartbeat(runner, [second])
    await rig.abort(first)
    t.same(await states(rig, second), ['reserved turn'])
    await rig.wait(70)
    t.same(await states(rig, second), ['queued'], 'its turn had come meanwhile')
  },
)

onEachStore(t, 'a writer can queue a run for a time of its schedule', async (t, rig) => {
  await define(rig, { concurrency: 'queue' })
  const origin: ExecutionOrigin = {
    job_name: 'a',
    namespace: 'default',
    owner: null,
    submitter: null,
    scheduled_for: 5000,
  }
  const made = await rig.write(async tx => {
    const job = (await tx.job(named('a')))!
    const by = { token_id: 'schedule' }
    const first = await enqueue(tx, rig.ctx, job, origin, by)
    const late = await enqueue(tx, rig.ctx, job, { ...origin, scheduled_for: 6000, catch_up: 'outage' }, by)
    return [first, late]
  })
  t.match(made, [
    { ok: true, value: { scheduled_for: 5000, catch_up: null, waits: null } },
    { ok: true, value: { scheduled_for: 6000, catch_up: 'outage', waits: 'turn' } },
  ])
  t.match(await ask(rig), { ok: true }, 'what catches up is not counted')
  t.match(await ask(rig), { failure: { reason: 'queue-full' } })
})

onEachStore(t, 'concurrency needs the name of a job', async (t, rig) => {
  for (const concurrency of ['forbid', 'queue', 'replace'] as const)
    t.match(await rig.write(tx => submit(tx, rig.ctx, { image: 'x', concurrency }, askedBy())), {
      failure: {
        reason: 'malformed',
        detail: `/concurrency ${concurrency} needs a /job_name, by which executions are compared`,
      },
    })
})
