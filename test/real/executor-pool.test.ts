import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { ExecutorPool } from '../../src/remote/executor-pool.ts'
import { Placing } from '../../src/remote/placing.ts'
import { fail } from '../../src/result.ts'
import { edges, executorNeeds, value, World } from '../support/executors.ts'
import { makeImage, withBusybox } from '../support/images.ts'
import { testWith } from '../support/require.ts'

t.setTimeout(120_000)

testWith(t, 'the pool of executors', executorNeeds, async t => {
  await using world = await World.start()
  for (const name of ['box', 'other'])
    await makeImage(world.engine, name, { fill: withBusybox, changes: [`ENV N=${name}`] })
  const images = { box: await world.image('box'), other: await world.image('other') }
  const never = new AbortController().signal
  const key = 'domain'
  const test = (title: string, more: object, body: (t: Test, pool: ExecutorPool) => Promise<void>) =>
    t.test(title, async t => {
      const settings = { capacity: 2, eviction_time_seconds: 60, max_jobs_per_executor: 5, ...more }
      {
        await using pool = new ExecutorPool(world.executors(), settings, edges)
        await body(t, pool)
      }
      t.same(await world.leftovers(), [], 'nothing is left')
    })
  const job = async (pool: ExecutorPool, name: 'box' | 'other', script: string) => {
    const executor = value(await pool.take(images[name], 'default', key, never))
    const end = await world.run(executor, name, { command: ['sh', '-c', script] })
    pool.giveBack(executor)
    return { id: executor.id, ...end }
  }
  const settled = async (pool: ExecutorPool) => {
    while (pool.seats.some(({ state }) => state === 'checking' || state === 'stopping'))
      await edges.clock.sleep(0.01)
  }

  await test(
    'daemon mode: the next job of an image gets the idle executor, up to its last',
    {},
    async (t, pool) => {
      const ids = []
      for (let i = 0; i < 6; i++) {
        ids.push((await job(pool, 'box', 'echo $N')).id)
        await settled(pool)
      }
      t.equal(new Set(ids.slice(0, 5)).size, 1)
      t.not(ids[5], ids[0], 'replaced after five jobs')
      t.equal(pool.seats.length, 1)
    },
  )

  await test('a job that is to end while the disk is waited for gets no order', {}, async (t, pool) => {
    await job(pool, 'box', 'true')
    await settled(pool)
    const host = {
      workshop: { executors: world.executors(), pool, facts: world.facts },
      problem: undefined,
    }
    for (const early of [false, true]) {
      const stop = new AbortController()
      const execution = world.spool.add(world.job('box', { command: ['true'], reuse_key: key }))
      const placing = new Placing({
        ...{ room: { edges, images: new Map(), host }, execution, onPull: () => {} },
        // Its record is on its way to the disk.
        onExecutor: executor => executor && stop.abort(),
      })
      if (early) placing.begin(stop.signal)
      t.match(await placing.place(stop.signal), { ok: false })
      t.equal(execution.place, undefined)
      t.match(pool.seats, [{ state: 'idle' }])
      await execution.remove()
    }
    t.match(await job(pool, 'box', 'ls /.runner/jobs | wc -l'), { log: '1\n' }, 'nothing of them is there')
  })

  await test(
    'what cannot be removed of a container that has gone takes no place',
    { capacity: 1 },
    async (t, pool) => {
      const told: string[] = []
      pool.onLeft = message => told.push(message)
      const executor = value(await pool.take(images.box, 'default', key, never))
      const remove = executor.remove.bind(executor)
      Object.assign(executor, {
        remove: async () => fail({ reason: 'files-left', message: "another user's" }),
      })
      await pool.discard(executor)
      t.same(told, ["another user's"])
      t.match(await job(pool, 'other', 'echo $N'), { log: 'other\n' })
      t.match(await remove(), { ok: true })
    },
  )

  await test('at its end it gives up on what the engine does not let go of', {}, async (t, pool) => {
    const executor = value(await pool.take(images.box, 'default', key, never))
    const remove = executor.remove.bind(executor)
    let asked = 0
    Object.assign(executor, {
      remove: async () => {
        asked++
        return fail({ reason: 'engine-unreachable', message: 'it is away' })
      },
    })
    pool.giveBack(executor)
    const closed = pool[Symbol.asyncDispose]()
    while (asked === 0) await edges.clock.sleep(0.01)
    pool.giveUp()
    await closed
    t.ok((await remove()).ok)
  })

  await test('an executor is for one trust domain, and without one for one job', {}, async (t, pool) => {
    const ids: string[] = []
    const domains = ['one', 'two', undefined, 'one', 'two', undefined, undefined]
    for (const domain of domains) {
      const executor = value(await pool.take(images.box, 'default', domain, never))
      const { log } = await world.run(executor, 'box', { command: ['sh', '-c', 'echo $N'] })
      t.equal(log, 'box\n')
      const before = ids.lastIndexOf(executor.id)
      t.ok(before === -1 || (domain !== undefined && domains[before] === domain))
      ids.push(executor.id)
      pool.giveBack(executor)
      await settled(pool)
    }
    t.ok(pool.seats.every(seat => seat.reuse_key !== undefined))
  })

  await test(
    'jobs one after the other use one executor, however long it is looked over',
    { max_jobs_per_executor: 6 },
    async (t, pool) => {
      await makeImage(world.engine, 'large', {
        fill(root) {
          withBusybox(root)
          for (let folder = 0; folder < 1000; folder++) {
            const path = join(root, 'large', `${folder}`)
            mkdirSync(path, { recursive: true })
            for (let file = 0; file < 20; file++) writeFileSync(join(path, `${file}`), '')
          }
        },
      })
      const large = await world.image('large')
      const ids = new Set<string>()
      let met = 0
      for (let round = 0; round < 5; round++) {
        if (pool.seats.some(({ state }) => state === 'checking')) met++
        const executor = value(await pool.take(large, 'default', key, never))
        ids.add(executor.id)
        t.match(await world.run(executor, 'large', { command: ['true'] }), { outcome: 'succeeded' })
        pool.giveBack(executor)
      }
      t.equal(met, 4, 'each but the first came while it was looked over')
      t.equal(ids.size, 1)
      await settled(pool)
      t.match(pool.seats, [{ state: 'idle', jobs: 5 }])
    },
  )

  await test('one that is not clean is not used again', {}, async (t, pool) => {
    const { id } = await job(pool, 'box', 'echo x >/etc/x')
    await settled(pool)
    t.same(pool.seats, [])
    t.not((await job(pool, 'box', 'true')).id, id)
  })

  await test('normal mode: one job, then gone', { eviction_time_seconds: 0 }, async (t, pool) => {
    const one = await job(pool, 'box', 'true')
    const two = await job(pool, 'box', 'true')
    t.not(one.id, two.id)
    await settled(pool)
    t.same(pool.seats, [])
  })

  await test('one that is idle too long is evicted', { eviction_time_seconds: 0.2 }, async (t, pool) => {
    await job(pool, 'box', 'true')
    while (pool.seats.length > 0) await edges.clock.sleep(0.01)
    t.equal(pool.freeSlots, 2)
  })

  await test(
    'another image gets the place of an idle executor; a busy one is waited for',
    { capacity: 1 },
    async (t, pool) => {
      await job(pool, 'box', 'true')
      await settled(pool)
      t.equal((await job(pool, 'other', 'echo $N')).log, 'other\n')
      const busy = value(await pool.take(images.box, 'default', key, never))
      t.equal(pool.freeSlots, 0)
      const waiting = pool.take(images.other, 'default', key, never)
      const ended = await world.run(busy, 'box', { command: ['true'] })
      t.equal(ended.outcome, 'succeeded')
      pool.giveBack(busy)
      const got = value(await waiting)
      t.not(got.id, busy.id)
      await pool.discard(got)
      const stop = new AbortController()
      stop.abort()
      t.match(await pool.take(images.box, 'default', key, stop.signal), { ok: false })
    },
  )
})
