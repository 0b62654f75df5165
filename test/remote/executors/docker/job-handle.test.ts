import { rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemChance, systemClock } from '../../../../src/edges.ts'
import { DockerJob } from '../../../../src/remote/executors/docker/job-handle.ts'
import { DockerKeptFiles } from '../../../../src/remote/executors/docker/kept-files.ts'
import { ExchangeDir } from '../../../../src/remote/executors/handover/exchange-dir.ts'
import { halfOf } from '../../../../src/remote/executors/handover/order.ts'

const id = '00000000-0000-4000-8000-000000000001'
const nonce = 'a'.repeat(32)

/** A job without a container, whose files are there. */
function jobIn(dir: string, exchange: ExchangeDir, resumed: boolean): DockerJob {
  const log = exchange.openFile('log')
  return new DockerJob({
    place: { job_id: id, executor_id: id, nonce, leaf: exchange.identity, limit: 0, grace: 1 },
    container: undefined,
    exchange,
    log: log.ok ? log.value : undefined,
    kept: new DockerKeptFiles(join(dir, 'kept'), exchange.identity, systemClock),
    diskLimit: 1e9,
    edges: { clock: systemClock, chance: systemChance },
    resumed,
    onProblem: () => {},
  })
}

/** Watches a job whose files say that it began and ended at these times; gives its end. */
async function endOf(t: Test, started: Date, ended: Date, resumed = false) {
  const dir = t.testdir({ jobs: {}, kept: {} })
  const exchange = ExchangeDir.make(join(dir, 'jobs'), id)
  const path = join(dir, 'jobs', id)
  for (const [name, text, at] of [
    ['log', '', ended],
    ['started', `${halfOf(nonce)}\n`, started],
    ['exit', `${nonce} 0 exit 0 0 0\n`, ended],
  ] as const) {
    exchange.write(name, text, 0o644)
    utimesSync(join(path, name), at, at)
  }
  const job = jobIn(dir, exchange, resumed)
  const exit = await job.exited
  await job.keep()
  rmSync(path, { recursive: true, force: true })
  return { at: exit.at, seconds: (exit.at.getTime() - exit.startedAt.getTime()) / 1000 }
}

t.test('a clock that is set while a job runs does not change for how long it ran', async t => {
  const now = new Date()
  const later = (seconds: number) => new Date(now.getTime() + seconds * 1000)
  const forward = await endOf(t, now, later(3600))
  t.ok(forward.seconds >= 0 && forward.seconds < 5, `${forward.seconds} s`)
  t.same(forward.at, later(3600))
  t.ok((await endOf(t, now, later(-3600))).seconds < 5)
  t.same((await endOf(t, now, later(0.02))).seconds, 0.02, 'a tick is what the files say')
  const earlier = await endOf(t, now, later(3600), true)
  t.equal(earlier.seconds, 3600, 'what an earlier process saw is in the files alone')
})

t.test('a job that begins and ends while it is looked at is said to have started', async t => {
  const dir = t.testdir({ jobs: {}, kept: {} })
  const exchange = ExchangeDir.make(join(dir, 'jobs'), id)
  exchange.write('log', '', 0o644)
  const read = exchange.read.bind(exchange)
  let looks = 0
  exchange.read = (name, limit) => {
    const found = read(name, limit)
    if (name === 'started' && ++looks === 1) {
      exchange.write('started', `${halfOf(nonce)}\n`, 0o644)
      exchange.write('exit', `${nonce} 0 exit 0 0 0\n`, 0o644)
    }
    return found
  }
  const job = jobIn(dir, exchange, false)
  t.not(await job.started, 'never')
  t.match(await job.exited, { by: 'status', code: 0 })
  await job.keep()
})

t.test('a job whose files are as they were made has never started, where nobody can start it', async t => {
  const dir = t.testdir({ jobs: {}, kept: {} })
  const exchange = ExchangeDir.make(join(dir, 'jobs'), id)
  exchange.write('order', 'rnr_program=true\n', 0o644)
  const job = jobIn(dir, exchange, true)
  t.equal(await job.started, 'never')
  for await (const _ of job.log(0, new AbortController().signal)) t.fail('it has a log')
})
