/* A job that release 0.1.0 has started, and that the program as it is now delivers. */
import { mkdirSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { execaSync } from 'execa'
import t from 'tap'
import { Attached, type AttachRig, attachTest, held } from '../support/attached.ts'
import { Engine } from '../support/engine.ts'
import { executorNeeds } from '../support/executors.ts'
import { makeImage, withBusybox } from '../support/images.ts'
import { type Component, testWith } from '../support/require.ts'

/** The commit that is called release 0.1.0. */
const release = 'b6227fdfa41691cf4af834730bae373667e5bd66'
const checkout = resolve(import.meta.dirname, '..', '..')
const isInHistory = () =>
  execaSync('git', ['cat-file', '-e', `${release}^{commit}`], { cwd: checkout, reject: false }).exitCode === 0
const inHistory: Component = {
  get missing() {
    // A clone without history gets the one commit from where it came.
    if (!isInHistory())
      execaSync('git', ['fetch', '--depth=1', 'origin', release], {
        cwd: checkout,
        reject: false,
        timeout: 60_000,
      })
    return isInHistory() ? undefined : `the commit ${release} in the history of this checkout`
  },
}

t.setTimeout(1_800_000)

/** The program of release 0.1.0, from the history of this checkout. */
function programOfRelease(fleet: AttachRig): string {
  const directory = fleet.rig.path('release')
  mkdirSync(directory)
  const { stdout: archive } = execaSync('git', ['archive', release, 'bin', 'src', 'package.json'], {
    cwd: checkout,
    encoding: 'buffer',
  })
  execaSync('tar', ['-x', '-C', directory], { input: archive })
  symlinkSync(join(checkout, 'node_modules'), join(directory, 'node_modules'))
  return join(directory, 'bin', 'runner')
}

testWith(t, 'jobs of release 0.1.0', [...executorNeeds, inHistory], async t => {
  await using engine = await Engine.start('--live-restore')
  await makeImage(engine, 'box', { fill: withBusybox })
  const test = (title: string, body: Parameters<typeof attachTest>[4]) =>
    attachTest(t, title, engine, {}, body)

  await test('a job that it has started ends under this program, and is delivered', async (t, fleet) => {
    const program = programOfRelease(fleet)
    const config = fleet.configure('one')
    const before = new Attached(
      fleet.rig.start(['-c', config, '-v', 'attach', '--json'], { lasting: true, program }),
    )
    await before.ready()
    const running = await fleet.submit({ command: held, env: { KEPT: 'yes' } })
    const ended = await fleet.submit({ command: ['sh', '-c', `${held[2]}; exit 4`] })
    await Promise.all([running, ended].map(({ id }) => fleet.began(id)))
    await before.stop('SIGKILL')
    fleet.release(ended.id)
    const runner = fleet.start('one')
    await runner.ready()
    fleet.release(running.id)
    t.match(await fleet.ended(running.id), { state: 'succeeded', output: 'began\nwent on\n', attempt: 1 })
    t.match(await fleet.ended(ended.id), { state: 'failed', exit_code: 4, attempt: 1 })
    t.equal(await runner.stop(), 0)
  })

  await test('a result that it has not delivered is delivered', async (t, fleet) => {
    const program = programOfRelease(fleet)
    const config = fleet.configure('one')
    const before = new Attached(
      fleet.rig.start(['-c', config, '-v', 'attach', '--json'], { lasting: true, program }),
    )
    await before.ready()
    const { id } = await fleet.submit({ command: held })
    await fleet.began(id)
    await fleet.server.stop()
    fleet.release(id)
    await before.event('job:ended')
    await before.stop('SIGKILL')
    await fleet.server.restart()
    const runner = await fleet.attach('one')
    t.match(await fleet.ended(id), { state: 'succeeded', output: 'began\nwent on\n', attempt: 1 })
    t.equal(await runner.stop(), 0)
  })
})
