import type { Test } from 'tap'
import t from 'tap'
import { type AttachRig, attachTest } from '../support/attached.ts'
import { Engine } from '../support/engine.ts'
import { executorNeeds } from '../support/executors.ts'
import { makeImage, withBusybox } from '../support/images.ts'
import { testWith } from '../support/require.ts'

t.setTimeout(300_000)

testWith(t, 'limits of a job', executorNeeds, async t => {
  await using engine = await Engine.start()
  await makeImage(engine, 'box', { fill: withBusybox })
  const test = (title: string, body: (t: Test, world: AttachRig) => Promise<unknown>) =>
    attachTest(t, title, engine, {}, body)

  await test('of a log beyond log_limit head and tail are sent', async (t, world) => {
    const runner = await world.attach('one', {}, 'log_limit = 1M\n')
    const script = 'echo begin; yes 0123456789abcdef | head -c 50000000; echo; echo end'
    const { id } = await world.submit({ command: ['sh', '-c', script] })
    t.match(await world.ended(id), { state: 'succeeded', log: { complete: true } })
    const log = await world.log(id)
    t.ok(log.startsWith('begin\n') && log.endsWith('\nend\n'))
    t.match(log, /\n\[runner: 48951435 bytes of the log are left out here; log_limit in \[executor\]/)
    t.ok(log.length < 2 ** 20 + 200, `${log.length} bytes`)
    t.equal(await runner.stop(), 0)
  })
})
