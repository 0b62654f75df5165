import t from 'tap'
import type { Availability, Stats } from '../../../src/protocol/messages/stats.ts'
import type { Result } from '../../../src/result.ts'
import { availability } from '../../../src/server/operator-side/availability.ts'
import { serverStats } from '../../../src/server/operator-side/server-stats.ts'
import { Recorder } from '../../../src/server/upkeep/recorder.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

const everywhere = { namespaces: undefined }

function value<T>(result: Result<T, { reason: string }>): T {
  if (!result.ok) throw new Error(result.failure.reason)
  return result.value
}

/** A recorder that hears of all changes. */
function recorderOf(rig: ServerRig): Recorder {
  const recorder = new Recorder(rig.store, rig.ctx)
  rig.store.subscribe(topic => recorder.hear(topic))
  return recorder
}

const statsOf = async (rig: ServerRig, more: object = {}, rights: object = everywhere): Promise<Stats> =>
  value(await rig.read(tx => serverStats(tx, { ...everywhere, ...rights }, { step: 300, ...more })))
const availabilityOf = async (rig: ServerRig, id: string): Promise<Availability> =>
  value(await rig.read(tx => availability(tx, id, {})))

onEachStore(t, 'what has ended and what was queued is counted by span and namespace', async (t, rig) => {
  const recorder = recorderOf(rig)
  const runner = await rig.addRunner()
  for (const outcome of ['succeeded', 'succeeded', 'failed'] as const)
    await rig.result(runner, await rig.start(runner), { outcome })
  await rig.submit({ runner_group: 'nobody' })
  rig.pass(120)
  const elsewhere = await rig.execution(await rig.submit({ runner_group: 'nobody' }))
  // A namespace may have the name of what each object has.
  const other = 'constructor'
  await rig.write(async tx => {
    await tx.execution(elsewhere.id)
    tx.putExecution({ ...elsewhere, namespace: other })
    tx.notify({ about: 'end', id: elsewhere.id, namespace: other, state: 'failed' })
  })
  await recorder.record()
  const first = (await statsOf(rig)).items.at(-1)
  t.match(first, { watched_minutes: 1, succeeded: 2, failed: 2, aborted: 0, lost: 0 })
  t.match(first, { queue_depth: 2, queue_age_seconds: 120 })
  t.match((await statsOf(rig, {}, { namespaces: [other] })).items.at(-1), {
    succeeded: 0,
    failed: 1,
    queue_depth: 1,
    queue_age_seconds: 0,
  })
  rig.pass(60)
  // The next process of the server goes on with the same span.
  const next = recorderOf(rig)
  await next.record()
  t.match((await statsOf(rig)).items.at(-1), { watched_minutes: 2, succeeded: 2, failed: 2 })
  rig.pass(300)
  await next.record()
  t.equal((await statsOf(rig)).items.at(-1)?.succeeded, 0)
  const hours = await statsOf(rig, { step: 3600 })
  t.match(hours.items.at(-1), { succeeded: 2, failed: 2, watched_minutes: 3, queue_depth: 2 })
  t.equal(hours.step_seconds, 3600)
})

onEachStore(t, 'a span that cannot be counted is refused', async (t, rig) => {
  const refused = async (asked: object) => {
    const answer = await rig.read(tx => serverStats(tx, everywhere, asked))
    return answer.ok ? 'taken' : answer.failure.detail
  }
  t.match(await refused({ step: 301 }), /step is a multiple of 300/)
  t.match(await refused({ step: 300, since: '2020-01-01T00:00:00Z' }), /2016 are the most/)
  t.match(await refused({ since: '2020-13-01T00:00:00Z' }), /not a time/)
})

onEachStore(t, 'a runner is available in the minutes in which it was connected', async (t, rig) => {
  const recorder = recorderOf(rig)
  const [here, gone] = [await rig.addRunner(), await rig.addRunner()]
  const seen = (id: string, until: number) =>
    rig.write(async tx => tx.putRunner({ ...(await tx.runner(id))!, seen_until: until }))
  const minutes = async (count: number, there: string[], records = recorder) => {
    for (let minute = 0; minute < count; minute++) {
      for (const { id } of [here, gone]) await seen(id, there.includes(id) ? Number.MAX_SAFE_INTEGER : 0)
      await records.record()
      rig.pass(60)
    }
  }
  await minutes(3, [here.id, gone.id])
  await minutes(2, [here.id])
  t.same((await availabilityOf(rig, gone.id)).items.at(-1)?.available, 0.6)
  t.same((await availabilityOf(rig, here.id)).items.at(-1)?.available, 1)
  await minutes(5, [here.id])
  const rows = await rig.read(tx => tx.buckets('nodes', 'nodet'))
  t.equal(rows.length, 1, 'a span in which nobody comes or goes has no row')
  // Ten minutes without a server, and the next process.
  rig.pass(600)
  await minutes(5, [gone.id], recorderOf(rig))
  const { items, available } = await availabilityOf(rig, gone.id)
  t.same(
    items.slice(-5).map(item => item.available),
    [0.6, 0, null, null, 1],
  )
  t.equal(available, 8 / 15)
  const none = await rig.read(tx => availability(tx, '00000000-0000-4000-8000-000000000000', {}))
  t.match(none, { ok: false, failure: { reason: 'not-found' } })
})

onEachStore(
  t,
  'old spans are removed, and ten thousand runners need no row of their own',
  async (t, rig) => {
    const recorder = recorderOf(rig)
    await rig.addRunner()
    await recorder.record()
    rig.pass(2 * 86_400)
    await recorder.record()
    t.equal((await rig.read(tx => tx.buckets('', 'z'))).length, 2)
  },
  { retention_days: 1 },
)
