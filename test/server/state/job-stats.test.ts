import t from 'tap'
import { listedExecutions } from '../../../src/server/operator-side/list-executions.ts'
import { percentile, statsOfJob, usualSeconds } from '../../../src/server/state/job-stats.ts'
import { fullDetail } from '../../../src/server/views/execution-view.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

const job = { namespace: 'default', name: 'nightly' }

/** Runs the job for so many seconds; resolves to its id. */
async function run(
  rig: ServerRig,
  seconds: number,
  more: object = {},
  definition: object = {},
): Promise<string> {
  const runner = await rig.addRunner({ said: { ...said } })
  const reservation = await rig.start(runner, { job_name: 'nightly', ...definition })
  const started_at = new Date(rig.now()).toISOString()
  rig.pass(seconds)
  await rig.result(runner, reservation, { started_at, ...more })
  return reservation.execution_id
}

const said = { runner_group: 'default', capabilities: ['container'], taints: [], metadata: {} }
const failed = { outcome: 'failed', exit_code: 1, reason: 'exit-status' }

t.test('a share of numbers is the least number that it does not exceed', async t => {
  const numbers = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
  t.same(
    [0, 0.5, 0.95, 1].map(share => percentile(numbers, share)),
    [1, 5, 10, 10],
  )
  t.equal(percentile([], 0.5), null)
})

onEachStore(
  t,
  'a job has the outcomes of its latest runs, and how long those that succeed take',
  async (t, rig) => {
    const none = { runs: 0, succeeded: 0, success_rate: null, p50_seconds: null, p95_seconds: null, last: [] }
    t.same(await rig.read(tx => statsOfJob(tx, job)), { ...job, ...none })
    for (const seconds of [30, 10, 20]) await run(rig, seconds)
    const late = await run(rig, 500, failed)
    await run(rig, 7, {}, { job_name: 'other' })
    await rig.submit({ job_name: 'nightly' })
    const stats = await rig.read(tx => statsOfJob(tx, job))
    t.match(stats, { ...job, runs: 4, succeeded: 3, success_rate: 0.75, p50_seconds: 20, p95_seconds: 30 })
    t.match(stats.last, [
      { id: late, state: 'failed', attempt: 1, seconds: 500 },
      { seconds: 20 },
      { seconds: 10 },
      { seconds: 30 },
    ])
  },
)

onEachStore(t, 'a run counts once, with its last attempt', async (t, rig) => {
  const first = await run(rig, 5, failed, { retries: 1 })
  t.equal((await rig.read(tx => statsOfJob(tx, job))).runs, 0, 'it goes on')
  const runner = await rig.addRunner({ said: { ...said } })
  const again = (await rig.reserve(runner))[0]!
  await rig.confirm(runner, again)
  const started_at = new Date(rig.now()).toISOString()
  rig.pass(9)
  await rig.result(runner, again, { started_at })
  t.match(await rig.read(tx => statsOfJob(tx, job)), {
    runs: 1,
    succeeded: 1,
    success_rate: 1,
    p50_seconds: 9,
    last: [{ id: again.execution_id, group: first, attempt: 2, state: 'succeeded' }],
  })
})

onEachStore(
  t,
  'how long a job usually takes is remembered for a minute, and asked of so many jobs',
  async (t, rig) => {
    const usual = (left = 1) => rig.read(tx => usualSeconds(tx, rig.ctx, job, { left }))
    await run(rig, 10)
    t.equal(await usual(0), null, 'nobody may be asked')
    t.equal(await usual(), 10)
    await run(rig, 30)
    await run(rig, 30)
    t.equal(await usual(0), 10, 'an old number is better than none')
    rig.pass(60)
    t.equal(await usual(), 30)
  },
)

onEachStore(
  t,
  'executions that run have the usual duration of their job, and lists only those',
  async (t, rig) => {
    const ended = await run(rig, 10)
    const active = await rig.submit({ job_name: 'nightly' })
    const rows = await rig.read(tx => tx.listExecutions({}, { limit: 10 }))
    const listed = async (...fields: string[]) => {
      const usual = new Map<string, number | null | undefined>()
      for await (const { id, usual_seconds } of listedExecutions(rig.store, rig.ctx, rows, new Set(fields)))
        usual.set(id, usual_seconds)
      return usual
    }
    const found = await listed('usual_seconds')
    t.equal(found.get(active), 10)
    t.equal(found.get(ended), null)
    rig.ctx.memory.usual.clear()
    t.equal((await listed('state')).get(active), null, 'nobody has asked')
    t.equal(fullDetail().usual.of, 'all')
  },
)
