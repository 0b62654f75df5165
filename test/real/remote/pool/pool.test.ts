import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { ExecutorBackend } from '../../../../src/remote/executors/executor.ts'
import { Placement } from '../../../../src/remote/job/placement.ts'
import { SlotPool } from '../../../../src/remote/pool/pool.ts'
import { fail } from '../../../../src/result.ts'
import { EngineRig, edges, executorNeeds, value } from '../../../support/executors.ts'
import { makeImage, withBusybox } from '../../../support/images.ts'
import { testWith } from '../../../support/require.ts'

t.setTimeout(360_000)

testWith(t, 'the pool of executors', executorNeeds, async t => {
  await using rig = await EngineRig.start()
  for (const name of ['box', 'other'])
    await makeImage(rig.engine, name, { fill: withBusybox, changes: [`ENV N=${name}`] })
  const never = new AbortController().signal
  const backend = rig.backend()
  const prepare = async (image: string) => value(await backend.prepare({ image }, () => {}, never))
  const images = { box: await prepare('box'), other: await prepare('other') }
  const key = 'domain'
  const test = (title: string, more: object, body: (t: Test, pool: SlotPool) => Promise<void>) =>
    t.test(title, async t => {
      const settings = { capacity: 2, eviction_time_seconds: 60, max_jobs_per_executor: 5, ...more }
      {
        await using pool = new SlotPool({ backend, settings, edges })
        await body(t, pool)
      }
      t.same(await rig.leftovers(), [], 'nothing is left')
    })
  const job = async (pool: SlotPool, name: 'box' | 'other', script: string) => {
    const slot = value(await pool.take(images[name], 'default', key, never))
    const end = await rig.run(slot, name, { command: ['sh', '-c', script] })
    pool.giveBack(slot.ref)
    return { id: slot.ref.id, ...end }
  }
  const settled = async (pool: SlotPool) => {
    while (pool.slots.some(({ state }) => state === 'checking' || state === 'stopping'))
      await edges.clock.sleep(0.01)
  }

  await test(
    'daemon mode: the next job of an image gets the idle slot, up to its last',
    {},
    async (t, pool) => {
      const ids = []
      for (let i = 0; i < 6; i++) {
        ids.push((await job(pool, 'box', 'echo $N')).id)
        await settled(pool)
      }
      t.equal(new Set(ids.slice(0, 5)).size, 1)
      t.not(ids[5], ids[0], 'replaced after five jobs')
      t.equal(pool.slots.length, 1)
    },
  )

  await test('a job that is to end while the disk is waited for gets no order', {}, async (t, pool) => {
    await job(pool, 'box', 'true')
    await settled(pool)
    const startable = { runtime: { backend, pool }, problem: undefined }
    for (const early of [false, true]) {
      const stop = new AbortController()
      const execution = rig.spool.add(rig.job('box', { command: ['true'], reuse_key: key }))
      const placement = new Placement({
        startable,
        edges,
        execution,
        onPull: () => {},
        // Its record is on its way to the disk.
        onSlot: slot => slot && stop.abort(),
      })
      if (early) placement.begin(stop.signal)
      t.match(await placement.place(stop.signal), { ok: false })
      t.equal(execution.state, undefined)
      t.match(pool.slots, [{ state: 'idle' }])
      await execution.remove()
    }
    t.match(await job(pool, 'box', 'ls /.runner/jobs | wc -l'), { log: '1\n' }, 'nothing of them is there')
  })

  await test('what cannot be removed of a slot that has gone takes no place', {}, async t => {
    const told: string[] = []
    const settings = { capacity: 1, eviction_time_seconds: 60, max_jobs_per_executor: 5 }
    let left = true
    const leaving: Pick<ExecutorBackend, 'open' | 'close'> = {
      open: (...args) => backend.open(...args),
      close: async ref => {
        const closed = await backend.close(ref)
        if (!left) return closed
        left = false
        return fail({ reason: 'files-left', message: "another user's", retry: 'soon' })
      },
    }
    await using pool = new SlotPool({
      backend: leaving,
      settings,
      edges,
      onLeft: message => told.push(message),
    })
    const slot = value(await pool.take(images.box, 'default', key, never))
    await pool.discard(slot.ref)
    t.same(told, ["another user's"])
    t.match(await job(pool, 'other', 'echo $N'), { log: 'other\n' })
  })

  await test('at its end it gives up on what the backend does not let go of', {}, async t => {
    const settings = { capacity: 2, eviction_time_seconds: 60, max_jobs_per_executor: 5 }
    let asked = 0
    const away: Pick<ExecutorBackend, 'open' | 'close'> = {
      open: (...args) => backend.open(...args),
      close: async () => {
        asked++
        return fail({ reason: 'engine-unreachable', message: 'it is away', retry: 'when-back' })
      },
    }
    const pool = new SlotPool({ backend: away, settings, edges })
    const slot = value(await pool.take(images.box, 'default', undefined, never))
    pool.giveBack(slot.ref)
    const closed = pool[Symbol.asyncDispose]()
    while (asked === 0) await edges.clock.sleep(0.01)
    pool.giveUp()
    await closed
    t.ok((await backend.close(slot.ref)).ok)
  })

  await test('an executor is for one trust domain, and without one for one job', {}, async (t, pool) => {
    const ids: string[] = []
    const domains = ['one', 'two', undefined, 'one', 'two', undefined, undefined]
    for (const domain of domains) {
      const slot = value(await pool.take(images.box, 'default', domain, never))
      const { log } = await rig.run(slot, 'box', { command: ['sh', '-c', 'echo $N'] })
      t.equal(log, 'box\n')
      const before = ids.lastIndexOf(slot.ref.id)
      t.ok(before === -1 || (domain !== undefined && domains[before] === domain))
      ids.push(slot.ref.id)
      pool.giveBack(slot.ref)
      await settled(pool)
    }
    t.ok(pool.slots.every(slot => slot.domain !== undefined))
  })

  await test(
    'jobs one after the other use one slot, however long it is looked over',
    { max_jobs_per_executor: 6 },
    async (t, pool) => {
      await makeImage(rig.engine, 'large', {
        fill(root) {
          withBusybox(root)
          for (let folder = 0; folder < 200; folder++) {
            const path = join(root, 'large', `${folder}`)
            mkdirSync(path, { recursive: true })
            for (let file = 0; file < 20; file++) writeFileSync(join(path, `${file}`), '')
          }
        },
      })
      const large = await prepare('large')
      const ids = new Set<string>()
      let met = 0
      for (let round = 0; round < 5; round++) {
        if (pool.slots.some(({ state }) => state === 'checking')) met++
        const slot = value(await pool.take(large, 'default', key, never))
        ids.add(slot.ref.id)
        t.match(await rig.run(slot, 'large', { command: ['true'] }), { outcome: 'succeeded' })
        pool.giveBack(slot.ref)
      }
      t.equal(met, 4, 'each but the first came while it was looked over')
      t.equal(ids.size, 1)
      await settled(pool)
      t.match(pool.slots, [{ state: 'idle', jobs: 5 }])
    },
  )

  await test('one that is not clean is not used again', {}, async (t, pool) => {
    const { id } = await job(pool, 'box', 'echo x >/etc/x')
    await settled(pool)
    t.same(pool.slots, [])
    t.not((await job(pool, 'box', 'true')).id, id)
  })

  await test('normal mode: one job, then gone', { eviction_time_seconds: 0 }, async (t, pool) => {
    const one = await job(pool, 'box', 'true')
    const two = await job(pool, 'box', 'true')
    t.not(one.id, two.id)
    await settled(pool)
    t.same(pool.slots, [])
  })

  await test('one that is idle too long is evicted', { eviction_time_seconds: 0.2 }, async (t, pool) => {
    await job(pool, 'box', 'true')
    while (pool.slots.length > 0) await edges.clock.sleep(0.01)
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
      const ended = await rig.run(busy, 'box', { command: ['true'] })
      t.equal(ended.outcome, 'succeeded')
      pool.giveBack(busy.ref)
      const got = value(await waiting)
      t.not(got.ref.id, busy.ref.id)
      await pool.discard(got.ref)
      const stop = new AbortController()
      stop.abort()
      t.match(await pool.take(images.box, 'default', key, stop.signal), { ok: false })
    },
  )
})
