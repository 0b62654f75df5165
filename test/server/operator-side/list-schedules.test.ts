import t from 'tap'
import { listJobStats } from '../../../src/server/operator-side/list-job-stats.ts'
import { listSchedules } from '../../../src/server/operator-side/list-schedules.ts'
import { pauseAll } from '../../../src/server/operator-side/pause-all.ts'
import { putJob } from '../../../src/server/operator-side/put-job.ts'
import { ScheduleRig } from '../../support/schedule-rig.ts'
import { everything } from '../../support/server-caller.ts'
import { onEachStore } from '../../support/server-rig.ts'

const page = { limit: 10 }
const only = (...namespaces: string[]) => ({ ...everything, namespaces })

onEachStore(t, 'schedules are listed with their next times, or by what is due next', async (t, rig) => {
  const schedules = await ScheduleRig.start(rig)
  const hour = 3600
  await schedules.put('a-daily', { schedule: { every: { seconds: 24 * hour } } })
  await schedules.put('b-often', { schedule: { every: { seconds: 600 } } })
  await schedules.put('c-hourly', { schedule: { every: { seconds: hour } } })
  await schedules.put('d-off', { schedule: { every: { seconds: 60 }, enabled: false } })
  await schedules.round()
  const list = async (asked: Parameters<typeof listSchedules>[4], rights = everything) => {
    const listed = await rig.read(tx => listSchedules(tx, rig.ctx, rights, page, asked))
    return listed.ok ? listed.value.items : String(listed.failure.detail)
  }
  const until = new Date(rig.now() + 3 * hour * 1000).toISOString()
  const items = await list({ times: 5, until })
  if (typeof items === 'string') throw new Error(items)
  t.same(
    items.map(({ job, times, more }) => [job, (times?.length ?? 0) > 0, more]),
    [
      ['a-daily', (items[0]!.times ?? []).length > 0, false],
      ['b-often', true, true],
      ['c-hourly', true, false],
      ['d-off', false, undefined],
    ],
  )
  t.equal(items[1]!.times!.length, 5)
  t.equal(items[2]!.times!.length, 3)
  const soonest = await list({ soonest: true })
  if (typeof soonest === 'string') throw new Error(soonest)
  t.same(soonest.map(({ job }) => job).toSorted(), ['a-daily', 'b-often', 'c-hourly'])
  const due = soonest.map(({ due_at }) => due_at!)
  t.same(due, due.toSorted())
  t.same(await list({ soonest: true }, only('other')), [])
  t.match(await list({ times: 5000 }), /that are up to 50000 times/)
})

onEachStore(t, 'jobs are listed with their schedules in pages, narrowed by a text', async (t, rig) => {
  const schedules = await ScheduleRig.start(rig)
  await schedules.put('backup', { schedule: { every: { seconds: 60 } } })
  await schedules.put('Report', {})
  await schedules.put('report-daily', {})
  await rig.submit({ job_name: 'backup' })
  const list = (text: string, more: object = {}, rights = everything) =>
    rig.read(tx => listJobStats(tx, rig.ctx, rights, { text }, { ...page, ...more }))
  const { items, next } = await list('')
  t.match(items, [
    { name: 'Report', schedule: null, runs: 0, last: [], runner_group: 'default', image: 'busybox' },
    { name: 'backup', schedule: { job: 'backup', text: 'every 1 min' }, active: 1 },
    { name: 'report-daily' },
  ])
  t.equal(next, null)
  const first = await list('REPORT', { limit: 1 })
  t.match(first, { items: [{ name: 'Report' }], next: 'Report' })
  t.match(await list('REPORT', { limit: 1, after: first.next }), {
    items: [{ name: 'report-daily' }],
    next: null,
  })
  const named = await rig.read(tx => listJobStats(tx, rig.ctx, everything, { job: 'backup' }, page))
  t.match(named.items, [{ name: 'backup' }])
  t.same(await list('', {}, only('other')), { items: [], next: null })
  // By name, and then by namespace: a person looks for a name.
  for (const namespace of ['zoo', 'alpha'])
    await rig.write(tx => putJob(tx, rig.ctx, { namespace, name: 'backup' }, { image: 'busybox' }))
  const namespaces: string[] = []
  for (let after: string | undefined; ; ) {
    const part = await list('', { limit: 2, after })
    namespaces.push(...part.items.map(({ name, namespace }) => `${namespace}/${name}`))
    if (part.next === null) break
    after = part.next
  }
  t.same(namespaces, [
    'default/Report',
    'alpha/backup',
    'default/backup',
    'zoo/backup',
    'default/report-daily',
  ])
})

onEachStore(t, 'a namespace with the name of what each object has is paused as any other', async (t, rig) => {
  const namespace = 'constructor'
  const body = { image: 'busybox', schedule: { every: { seconds: 60 } } }
  await rig.write(tx => putJob(tx, rig.ctx, { namespace, name: 'j' }, body))
  const paused = async () => {
    const listed = await rig.read(tx => listSchedules(tx, rig.ctx, only(namespace), page))
    return listed.ok && listed.value.items.map(({ paused_at }) => paused_at !== null)
  }
  t.same(await paused(), [false])
  await rig.write(tx => pauseAll(tx, only(namespace), true))
  t.same(await paused(), [true])
  await rig.write(tx => pauseAll(tx, only(namespace), false))
  t.same(await paused(), [false])
})
