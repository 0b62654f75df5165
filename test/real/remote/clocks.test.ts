/* A server whose clock is an hour and 400 ms away from its runner's. */
import { globSync, renameSync, utimesSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { type AttachRig, attachTest } from '../../support/attached.ts'
import { Engine } from '../../support/engine.ts'
import { executorNeeds } from '../../support/executors.ts'
import { makeImage, withBusybox } from '../../support/images.ts'
import { testWith } from '../../support/require.ts'

t.setTimeout(720_000)

const [library = ''] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')
const faketime = { missing: library === '' ? 'faketime' : undefined }
const away = 3600.4

testWith(t, 'an execution lasts as long as its job ran', [...executorNeeds, faketime], async t => {
  await using engine = await Engine.start()
  await makeImage(engine, 'box', { fill: withBusybox })
  await attachTest(t, 'whatever the clocks of runner and server show', engine, {}, async (t, fleet) => {
    await fleet.server.stop()
    const file = fleet.rig.path('clock')
    const shift = (seconds: number) => {
      writeFileSync(`${file}.new`, `${seconds >= 0 ? '+' : ''}${seconds}\n`)
      utimesSync(`${file}.new`, new Date(), new Date())
      renameSync(`${file}.new`, file)
    }
    shift(away)
    await fleet.server.restartIn({
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      FAKETIME_CACHE_DURATION: '1',
    })
    const runner = await fleet.attach('one', { url: fleet.server.url })
    await sleeps(t, fleet)
    const { items } = (await fleet.server.call('GET', '/v1/runners')).json
    const difference = items[0].clock_difference_seconds
    t.ok(Math.abs(difference + away) < 0.3, `runner node shows ${difference}`)
    t.equal(await runner.stop(), 0)
  })
})

/** Submits `sleep 1`, some of them while the runner waits for work, and looks at their times. */
async function sleeps(t: Test, fleet: AttachRig): Promise<void> {
  for (let count = 0; count < 3; count++) {
    const { id } = await fleet.submit({ command: ['sleep', '1'] })
    const { created_at, started_at, finished_at } = await fleet.ended(id)
    const [created, started, finished] = [created_at, started_at!, finished_at!].map(Date.parse) as [
      number,
      number,
      number,
    ]
    const now = Date.parse((await fleet.server.call('GET', '/health')).headers.get('date')!) + 1000
    t.ok(finished - started >= 990 && finished - started < 1900, `it took ${finished - started} ms`)
    t.ok(created <= started && finished <= now, `${started - created} ms after the submit`)
  }
}
