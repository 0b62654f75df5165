/*
 * A disk of executors that is full in mid-job: a small one, in the namespace of a throw-away engine.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { attachTest, held } from '../../support/attached.ts'
import { command } from '../../support/command.ts'
import { Engine } from '../../support/engine.ts'
import { executorNeeds } from '../../support/executors.ts'
import { makeImage, withBusybox } from '../../support/images.ts'
import { program, testWith } from '../../support/require.ts'

t.setTimeout(360_000)

testWith(t, 'a disk that is full', [...executorNeeds, program('nsenter')], async t => {
  await using engine = await Engine.start()
  await makeImage(engine, 'box', { fill: withBusybox, changes: ['CMD ["true"]'] })
  const mount = 'mkdir "$1" && mount -t tmpfs -o size=12m,mode=700 none "$1"'
  const small = join(engine.directory, 'small')
  await command('nsenter', [`--mount=${engine.mounts}`, 'sh', '-c', mount, 'sh', small])
  const place = `${engine.root}${small}`
  const remote = { work_dir: join(place, 'work') }
  const executor = `host_work_dir = ${join(small, 'work')}`
  const after = (end: string) => held.with(2, held[2]!.replace('echo went on', end))
  /** Leaves no room. */
  const fill = () => {
    for (const size of [65536, 1])
      try {
        for (;;) writeFileSync(join(place, 'filling'), Buffer.alloc(size), { flag: 'a' })
      } catch {
        // It is full.
      }
  }

  await attachTest(
    t,
    'jobs end as they would, or say why, and the next ones run',
    engine,
    {},
    async (t, fleet) => {
      fleet.configure('one', remote, executor, 'min_free = 1M')
      const runner = await fleet.start('one').ready()

      const loud = await fleet.submit({ command: ['sh', '-c', 'echo began; yes; echo never'] })
      const full = await fleet.ended(loud.id)
      t.match(full, { state: 'failed', reason: 'disk-full', error_message: /disk.*was full/, attempt: 1 })
      t.match(await fleet.log(loud.id), /^began\n(y\n){1000}/)

      const quiet = await fleet.submit({ command: after('exit 3') })
      const writer = await fleet.submit({ command: after('yes') })
      await Promise.all([fleet.began(quiet.id), fleet.began(writer.id)])
      fill()
      fleet.release(quiet.id, join(place, 'work'))
      t.match(await fleet.ended(quiet.id), { state: 'failed', reason: 'exit-status', exit_code: 3 })
      // The files that go with an ended job leave room, so the writer writes until there is none.
      fleet.release(writer.id, join(place, 'work'))
      t.match(await fleet.ended(writer.id), { state: 'failed', reason: 'disk-full' })
      rmSync(join(place, 'filling'))
      t.match(await fleet.ended((await fleet.submit({})).id), { state: 'succeeded' })
      t.equal(await runner.stop(), 0)
    },
  )
})
