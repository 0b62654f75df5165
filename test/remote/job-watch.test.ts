import { rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { systemChance, systemClock } from '../../src/edges.ts'
import { Leaf } from '../../src/remote/executors/leaf.ts'
import { halfOf } from '../../src/remote/executors/order.ts'
import { JobWatch, type WatchOptions } from '../../src/remote/job-watch.ts'
import { type Job, Spool } from '../../src/remote/spool.ts'

const execution_id = '00000000-0000-4000-8000-000000000001'
const job: Job = {
  ...{ execution_id, kind: 'command', image: 'box', runner_group: 'default', env: {}, secret_env: {} },
  ...{ secrets: [], session_key: '', release_url: '', max_time_seconds: 0, abort_timeout_seconds: 1 },
  max_output_bytes: 1000,
}
const nonce = 'a'.repeat(32)

/** Watches a job whose files say that it began and ended at these times; gives its end. */
async function endOf(t: Test, started: Date, ended: Date, options: Partial<WatchOptions> = {}) {
  const dir = t.testdir({ spool: {}, jobs: {} })
  const execution = new Spool(join(dir, 'spool')).add(job)
  const leaf = Leaf.make(join(dir, 'jobs'), execution_id)
  const path = join(dir, 'jobs', execution_id)
  for (const [name, text, at] of [
    ['log', '', ended],
    ['started', `${halfOf(nonce)}\n`, started],
    ['exit', `${nonce} 0 exit 0 0 0\n`, ended],
  ] as const) {
    leaf.write(name, text, 0o644)
    utimesSync(join(path, name), at, at)
  }
  const watch = new JobWatch(execution, undefined, leaf, leaf.openFile('log'), nonce, {
    ...{ edges: { clock: systemClock, chance: systemChance }, diskLimit: 1e9, onLog: () => {} },
    ...options,
  })
  const watched = await watch.ended
  rmSync(path, { recursive: true, force: true })
  if (watched.state !== 'ended') throw new Error(watched.state)
  const { started_at, finished_at, clock_offset } = watched.end
  return { finished_at, clock_offset, seconds: (Date.parse(finished_at) - Date.parse(started_at)) / 1000 }
}

t.test('a clock that is set while a job runs does not change for how long it ran', async t => {
  const now = new Date()
  const later = (seconds: number) => new Date(now.getTime() + seconds * 1000)
  const forward = await endOf(t, now, later(3600))
  t.ok(forward.seconds >= 0 && forward.seconds < 5, `${forward.seconds} s`)
  t.equal(forward.finished_at, later(3600).toISOString())
  t.ok((await endOf(t, now, later(-3600))).seconds < 5)
  t.same((await endOf(t, now, later(0.02))).seconds, 0.02, 'a tick is what the files say')
  const earlier = await endOf(t, now, later(3600), { resumed: true, clockOffset: () => 7 })
  t.match(earlier, { seconds: 3600, clock_offset: 7 }, 'what an earlier process saw is in the files alone')
})

t.test('a job that begins and ends while it is looked at is said to have started', async t => {
  const dir = t.testdir({ spool: {}, jobs: {} })
  const execution = new Spool(join(dir, 'spool')).add(job)
  const leaf = Leaf.make(join(dir, 'jobs'), execution_id)
  leaf.write('log', '', 0o644)
  const read = leaf.read.bind(leaf)
  let looks = 0
  leaf.read = (name, limit) => {
    const found = read(name, limit)
    if (name === 'started' && ++looks === 1) {
      leaf.write('started', `${halfOf(nonce)}\n`, 0o644)
      leaf.write('exit', `${nonce} 0 exit 0 0 0\n`, 0o644)
    }
    return found
  }
  let started = 0
  const watch = new JobWatch(execution, undefined, leaf, leaf.openFile('log'), nonce, {
    ...{ edges: { clock: systemClock, chance: systemChance }, diskLimit: 1e9, onLog: () => {} },
    onStarted: () => started++,
  })
  t.match(await watch.ended, { state: 'ended', end: { outcome: 'succeeded' } })
  t.equal(started, 1)
})
