/* Schedules fire in time, once, and what they do not fire is on record. The rig begins on 2026-01-01 at 00:00 UTC. */
import t, { type Test } from 'tap'
import { deleteJob } from '../../../src/server/operator-side/delete-job.ts'
import { restoredKey } from '../../../src/store/schedule-rows.ts'
import { job, ScheduleRig } from '../../support/schedule-rig.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

t.setTimeout(1_200_000)

const hour = 3600
const minutely = { cron: '* * * * *', catch_up: 'all' as const }
const hourly = { cron: '0 * * * *' }

/** Runs a test with a scheduler on each store. */
function scheduleTest(title: string, body: (t: Test, rig: ScheduleRig) => Promise<void>) {
  onEachStore(t, title, async (t, rig: ServerRig) => body(t, await ScheduleRig.start(rig)))
}

scheduleTest('each time is fired once, in time, and says for which time it is', async (t, rig) => {
  await rig.put('j', { schedule: minutely })
  await rig.wait(150)
  t.same(await rig.times('j'), ['00:01:00', '00:02:00'])
  const [first] = await rig.fired('j')
  t.match(first, { state: 'queued', job_name: 'j', catch_up: null, submitter: null })
  t.same(await rig.missed('j'), [])
  await rig.restart()
  await rig.wait(60)
  t.same((await rig.times('j')).slice(2), ['00:03:00'])
})

scheduleTest(
  'a put that changes nothing keeps the place, and another one begins from now',
  async (t, rig) => {
    await rig.put('j', { schedule: hourly })
    rig.rig.pass(2 * hour)
    await rig.put('j', { schedule: hourly, priority: 3 })
    await rig.restart()
    await rig.round()
    t.same(await rig.times('j'), ['02:00:00 outage'])
    await rig.wait(0.9 * hour, 600)
    await rig.put('j', { schedule: { cron: '30 * * * *' } })
    await rig.wait(hour, 30)
    t.same((await rig.times('j')).slice(1), ['03:30:00'])
  },
)

for (const [catch_up, fired, missed] of [
  ['none', [], ['outage 00:01:00-00:10:00 10']],
  ['last', ['00:10:00 outage'], ['outage 00:01:00-00:09:00 9']],
  ['all', Array.from({ length: 10 }, (_, n) => `00:${String(n + 1).padStart(2, '0')}:00 outage`), []],
] as const)
  scheduleTest(`an outage: catch_up ${catch_up}`, async (t, rig) => {
    await rig.put('j', { schedule: { cron: '* * * * *', catch_up } })
    t.equal(await rig.restart(600), 'outage')
    await rig.round()
    t.same(await rig.times('j'), fired)
    t.same(await rig.missed('j'), missed)
    await rig.wait(60)
    t.same((await rig.times('j')).slice(fired.length), ['00:11:00'])
  })

scheduleTest('a server that was away for less than a minute has missed nothing', async (t, rig) => {
  await rig.put('j', { schedule: { cron: '* * * * *', catch_up: 'none' } })
  await rig.rig.sweeper.sweep()
  rig.rig.pass(30)
  await rig.rig.sweeper.sweep()
  t.equal(await rig.restart(55), undefined)
  await rig.round()
  t.same(await rig.times('j'), ['00:01:00'])
})

scheduleTest('a process that stood still for long was away, too', async (t, rig) => {
  await rig.put('j', { schedule: { cron: '* * * * *', catch_up: 'last' } })
  await rig.round()
  rig.rig.pass(600)
  t.match(await rig.round(), { verdict: 'away' })
  t.same(await rig.times('j'), ['00:10:00 outage'])
})

scheduleTest('a pause: of one job, and of all', async (t, rig) => {
  await rig.put('a', { schedule: { cron: '* * * * *', catch_up: 'last' } })
  await rig.put('b', { schedule: { cron: '* * * * *', catch_up: 'none' } })
  await rig.pause('a', true)
  await rig.wait(150)
  t.same(await rig.times('a'), [])
  t.same(await rig.times('b'), ['00:01:00', '00:02:00'])
  await rig.pause('a', false)
  await rig.round()
  t.same(await rig.times('a'), ['00:02:00 paused'])
  t.same(await rig.missed('a'), ['paused 00:01:00-00:01:00 1'])
  await rig.pause(undefined, true)
  await rig.wait(180)
  await rig.restart()
  await rig.wait(60)
  t.same((await rig.times('b')).slice(2), [])
  await rig.pause(undefined, false)
  await rig.wait(20)
  t.same((await rig.times('a')).slice(1), ['00:06:00 paused'])
  t.same((await rig.times('b')).slice(2), [])
  t.same(await rig.missed('b'), ['paused 00:03:00-00:06:00 4'])
  await rig.wait(60)
  t.same((await rig.times('b')).slice(2), ['00:07:00'])
})

scheduleTest('a pause of a job inside of one of all: both end before a round', async (t, rig) => {
  await rig.put('j', { schedule: { ...minutely, catch_up: 'none' } })
  await rig.pause('j', true)
  await rig.wait(125)
  await rig.pause(undefined, true)
  await rig.pause('j', false)
  await rig.pause(undefined, false)
  await rig.wait(60)
  t.same(await rig.times('j'), ['00:03:00'])
  t.same(await rig.missed('j'), ['paused 00:01:00-00:02:00 2'])
})

scheduleTest('a run that goes on over the next time, under each concurrency', async (t, rig) => {
  const schedule = minutely
  await rig.put('forbid', { schedule, concurrency: 'forbid' })
  await rig.put('queue', { schedule, concurrency: 'queue' })
  await rig.put('replace', { schedule, concurrency: 'replace' })
  await rig.put('allow', { schedule })
  await rig.wait(245)
  t.same(await rig.times('forbid'), ['00:01:00'])
  t.same(await rig.missed('forbid'), ['overlap 00:02:00-00:04:00 3'])
  t.same(await rig.times('queue'), ['00:01:00', '00:02:00'])
  t.same(await rig.missed('queue'), ['queue-full 00:03:00-00:04:00 2'])
  t.same(await rig.times('allow'), ['00:01:00', '00:02:00', '00:03:00', '00:04:00'])
  const states = (await rig.fired('replace')).map(({ state }) => state)
  t.equal(states.filter(state => state === 'queued').length, 1, 'the newest one')
  t.same(states.at(-1), 'queued')
})

scheduleTest('catch-up of all waits beside the queue, in order', async (t, rig) => {
  await rig.put('j', { schedule: minutely, concurrency: 'queue' })
  await rig.restart(305)
  await rig.round()
  t.same(
    await rig.times('j'),
    [1, 2, 3, 4, 5].map(n => `00:0${n}:00 outage`),
  )
  const runs = await rig.fired('j')
  t.same(
    runs.map(({ waits }) => waits),
    [null, 'turn', 'turn', 'turn', 'turn'],
  )
})

scheduleTest('blackouts of the job and of the server', async (t, rig) => {
  const blackouts = [{ cron: '2 0 * * *', duration_seconds: 120 }]
  await rig.put('j', { schedule: minutely, blackouts })
  await rig.rig.write(async tx =>
    tx.setMeta(
      'settings',
      JSON.stringify({ namespaces: {}, blackouts: [{ cron: '5 0 * * *', duration_seconds: 60 }] }),
    ),
  )
  await rig.wait(375)
  t.same(await rig.times('j'), ['00:01:00', '00:04:00', '00:06:00'])
  t.same(await rig.missed('j'), ['blackout 00:02:00-00:03:00 2', 'blackout 00:05:00-00:05:00 1'])
})

scheduleTest('a clock that jumps ahead and stays there: an outage, after a minute', async (t, rig) => {
  await rig.put('j', { schedule: hourly })
  await rig.round()
  rig.rig.clock.wall += 3 * hour * 1000
  t.match(await rig.round(), { verdict: 'hold' })
  await rig.wait(50)
  t.same(await rig.times('j'), [])
  await rig.wait(15)
  t.same(await rig.times('j'), ['03:00:00 clock'])
  t.same(await rig.missed('j'), ['clock 01:00:00-02:00:00 2'])
})

scheduleTest(
  'a clock that was ahead for long and is right again: times go on, and none fires twice',
  async (t, rig) => {
    const [none, last] = [
      { ...minutely, catch_up: 'none' as const },
      { ...minutely, catch_up: 'last' as const },
    ]
    await rig.put('none', { schedule: none })
    await rig.put('last', { schedule: last })
    await rig.round()
    rig.rig.clock.wall += 600_000
    await rig.wait(80)
    t.same(await rig.times('none'), [])
    t.same(await rig.times('last'), ['00:11:00 clock'])
    rig.rig.clock.wall -= 600_000
    await rig.wait(110)
    await rig.put('new', { schedule: none })
    await rig.wait(110)
    t.same(await rig.times('new'), ['00:04:00', '00:05:00'])
    t.same(await rig.times('none'), ['00:03:00', '00:04:00', '00:05:00'])
    t.same(await rig.times('last'), ['00:03:00', '00:04:00', '00:05:00', '00:11:00 clock'])
    await rig.wait(480)
    t.same((await rig.times('last')).slice(-4), ['00:10:00', '00:11:00 clock', '00:12:00', '00:13:00'])
  },
)

scheduleTest('a clock that comes back within a minute has fired nothing', async (t, rig) => {
  await rig.put('j', { schedule: minutely })
  await rig.round()
  rig.rig.clock.wall += 24 * hour * 1000
  await rig.wait(20)
  await rig.put('late', { schedule: minutely })
  rig.rig.clock.wall -= 24 * hour * 1000
  t.match(await rig.round(), { verdict: 'back' })
  await rig.wait(60)
  t.same(await rig.times('j'), ['00:01:00'])
  t.same(await rig.times('late'), ['00:01:00'], 'what was put meanwhile begins anew')
  t.same(await rig.missed('j'), [])
})

scheduleTest(
  'a clock that is set back fires nothing twice, also for a job that was removed and put anew',
  async (t, rig) => {
    await rig.put('j', { schedule: minutely })
    await rig.wait(185)
    rig.rig.clock.wall -= 150_000
    await rig.wait(70)
    await rig.rig.write(async tx => {
      await tx.deleteJob(job('j'))
      await tx.deleteSchedule('j')
    })
    await rig.put('j', { schedule: minutely })
    await rig.wait(90)
    t.same(await rig.times('j'), ['00:01:00', '00:02:00', '00:03:00'])
    await rig.wait(60)
    t.same((await rig.times('j')).slice(3), ['00:04:00'])
  },
)

scheduleTest('a store that was restored catches nothing up from before', async (t, rig) => {
  await rig.put('j', { schedule: minutely })
  await rig.rig.write(async tx => tx.setMeta(restoredKey, 'yes'))
  t.equal(await rig.restart(185), 'restored')
  await rig.round()
  t.same(await rig.times('j'), [])
  t.same(await rig.missed('j'), ['restored 00:01:00-00:03:00 3'])
  await rig.wait(60)
  t.same(await rig.times('j'), ['00:04:00'])
  t.equal(await rig.restart(185), 'outage', 'it is so once')
})

scheduleTest(
  'a pause that stands in a backup is no reason to catch up what was due before the restore',
  async (t, rig) => {
    for (const catch_up of ['all', 'last', 'none'] as const)
      await rig.put(catch_up, { schedule: { cron: '* * * * *', catch_up } })
    await rig.pause(undefined, true)
    await rig.rig.write(async tx => tx.setMeta(restoredKey, 'yes'))
    await rig.restart(185)
    // More marks than are kept.
    for (let outages = 0; outages < 12; outages++) await rig.restart(61)
    await rig.wait(60)
    await rig.pause(undefined, false)
    await rig.wait(20)
    const paused = Array.from({ length: 13 }, (_, n) => `00:${String(n + 4).padStart(2, '0')}:00 paused`)
    t.same(await rig.times('all'), paused)
    t.same(await rig.times('last'), ['00:16:00 paused'])
    t.same(await rig.times('none'), [])
    t.same(await rig.missed('all'), ['restored 00:01:00-00:03:00 3'])
    t.same(await rig.missed('last'), ['restored 00:01:00-00:03:00 3', 'paused 00:04:00-00:15:00 12'])
    t.same(await rig.missed('none'), ['restored 00:01:00-00:03:00 3', 'paused 00:04:00-00:16:00 13'])
  },
)

scheduleTest('a schedule that is not enabled fires nothing, and says so once it is', async (t, rig) => {
  await rig.put('j', { schedule: { ...minutely, enabled: false } })
  await rig.wait(185)
  await rig.put('j', { schedule: minutely })
  t.same(await rig.missed('j'), ['disabled 00:01:00-00:03:00 3'])
  await rig.wait(60)
  t.same(await rig.times('j'), ['00:04:00'])
})

scheduleTest('a job whose image is allowed no more fails where people look', async (t, rig) => {
  await rig.put('j', { schedule: minutely })
  const settings = { namespaces: { default: { images: ['other'] } } }
  await rig.rig.write(async tx => tx.setMeta('settings', JSON.stringify(settings)))
  await rig.wait(65)
  t.match(await rig.fired('j'), [{ state: 'failed', reason: 'image-not-allowed', finished_at: Number }])
})

scheduleTest('rows that cannot be read hold up no other schedule', async (t, rig) => {
  for (const name of ['a', 'b', 'c', 'd']) await rig.put(name, { schedule: minutely })
  await rig.rig.write(async tx => {
    // Without its body the row is damaged.
    tx.putJob({ ...(await tx.job(job('a')))!, body: undefined as never })
    await tx.deleteJob(job('c'))
    tx.putSchedule({ ...(await tx.schedule('d'))!, after: undefined as never })
  })
  await rig.wait(65)
  t.same(await rig.times('b'), ['00:01:00'])
  t.same(await rig.times('c'), [])
  await rig.put('d', { schedule: minutely })
  await rig.wait(60)
  t.same(await rig.times('d'), ['00:02:00'], 'a put begins anew')
})

scheduleTest('a job that is defined anew while a time of it is due', async (t, rig) => {
  const names = ['image', 'forbid', 'blackout', 'pattern', 'none', 'gone']
  for (const name of names) await rig.put(name, { schedule: minutely })
  await rig.wait(80)
  // 00:02:00 is due, and nobody has looked yet.
  rig.rig.pass(40)
  await rig.put('image', { schedule: minutely, image: 'other' })
  await rig.put('forbid', { schedule: minutely, concurrency: 'forbid' })
  const blackouts = [{ cron: '2 0 * * *', duration_seconds: 60 }]
  await rig.put('blackout', { schedule: minutely, blackouts })
  await rig.put('pattern', { schedule: { cron: '*/3 * * * *' } })
  await rig.put('none', { schedule: null })
  await rig.rig.write(tx => deleteJob(tx, job('gone')))
  await rig.round()
  await rig.wait(80)
  t.same(await rig.times('image'), ['00:01:00', '00:02:00', '00:03:00'])
  const images = (await rig.fired('image')).map(({ image }) => image)
  t.same(images, ['busybox', 'other', 'other'], 'a run is of the job as it is then')
  t.same(await rig.times('forbid'), ['00:01:00'])
  t.same(await rig.missed('forbid'), ['overlap 00:02:00-00:03:00 2'])
  t.same(await rig.times('blackout'), ['00:01:00', '00:03:00'])
  t.same(await rig.missed('blackout'), ['blackout 00:02:00-00:02:00 1'])
  t.same(await rig.times('pattern'), ['00:01:00', '00:03:00'], 'another schedule begins from now')
  for (const name of ['none', 'gone']) t.same(await rig.times(name), ['00:01:00'])
})

scheduleTest('what cannot be meant is refused at the put, with what to do', async (t, rig) => {
  const refusal = (schedule: object, more: object = {}) =>
    rig.refusal('bad', { schedule: schedule as typeof hourly, ...more })
  t.match(await refusal({ cron: '0 0 30 2 *' }), /never comes/)
  t.match(await refusal({ cron: '0 0 * * *', time_zone: 'Europe/Berln' }), /did you mean `Europe\/Berlin`/)
  t.match(await refusal({ at: '2025-01-01T00:00:00Z' }), /in the past/)
  t.match(await refusal({}), /exactly one of cron, every and at/)
  const all = [{ cron: '0 0 * * *', duration_seconds: 86_400 }]
  t.match(await refusal(hourly, { blackouts: all }), /leaves nothing/)
  t.equal(await rig.schedule('bad'), undefined)
})

scheduleTest(
  'people are told once of times that follow one another, and not of one that runs late instead',
  async (t, rig) => {
    const notify = [{ to: 'chat', on: ['not-fired' as const] }]
    rig.rig.ctx.settings.targets = [{ name: 'chat', type: 'webhook', namespaces: null }]
    await rig.put('none', { schedule: { ...minutely, catch_up: 'none' }, notify })
    await rig.put('last', { schedule: { ...minutely, catch_up: 'last' }, notify })
    await rig.put('forbid', { schedule: minutely, concurrency: 'forbid', notify })
    await rig.wait(185)
    await rig.restart(600)
    await rig.round()
    const notices = await rig.rig.read(tx => tx.listNotices({}, { limit: 100 }))
    t.same(notices.map(({ job_name }) => job_name).sort(), ['forbid', 'none'])
  },
)
