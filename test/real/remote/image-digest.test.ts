import t, { type Test } from 'tap'
import { type AttachRig, attachTest } from '../../support/attached.ts'
import { Engine } from '../../support/engine.ts'
import { executorNeeds } from '../../support/executors.ts'
import { makeImage, withBusybox } from '../../support/images.ts'
import { eventually, Registry, registryNeeds } from '../../support/registry.ts'
import { testWith } from '../../support/require.ts'

t.setTimeout(900_000)

/** Prints the image in which it runs, runs until it is released, and fails. */
const which = [
  'sh',
  '-c',
  'echo began in $(cat /which); until ls /.runner/jobs/*/go >/dev/null 2>&1; do sleep 0.05; done; exit 1',
]

testWith(t, 'a tag that moves between two attempts', [...executorNeeds, ...registryNeeds], async t => {
  await using engine = await Engine.start()
  await using _registry = new Registry(engine, 5000)
  const name = '127.0.0.1:5000/team/app:1'
  for (const image of ['first', 'second'])
    await makeImage(engine, image, { fill: withBusybox, files: { which: image }, changes: ['CMD ["true"]'] })
  /** Lets the tag name an image in the registry; the engine itself forgets it. */
  const move = async (image: string) => {
    await engine.docker('tag', image, name)
    await eventually(() => engine.docker('push', '--quiet', name))
    await engine.docker('rmi', '--force', name)
  }
  // The pattern allows the name with this tag: it allows its retries too.
  const pulling = `pull = always\nimages = ${name}`
  const test = (title: string, body: (t: Test, fleet: AttachRig) => Promise<unknown>) =>
    attachTest(t, title, engine, {}, body)

  await test('a retry runs the image of the attempt that failed, and a rerun the new one', async (t, fleet) => {
    await move('first')
    const runner = await fleet.attach('one', {}, pulling)
    const { id } = await fleet.submit({ image: name, command: which, retries: 1 })
    await fleet.began(id)
    await move('second')
    fleet.release(id)
    t.match(await fleet.ended(id), { state: 'failed', exit_code: 1, image: name })
    const retry = await fleet.attempt(id, 2)
    await fleet.began(retry.id)
    t.equal(await fleet.log(retry.id), 'began in first\n')
    const { image_digest } = await fleet.server.execution(retry.id)
    t.match(image_digest, /^sha256:/)
    t.equal(image_digest, (await fleet.server.execution(id)).image_digest)
    const token = fleet.rig.path('state', 'server', 'admin.token')
    const access = ['--server', fleet.server.url, '--token-file', token]
    const shown = fleet.rig.start(['executions', retry.id, ...access])
    t.equal(await shown.ended, 0)
    t.match(shown.text, new RegExp(`image +${name}\nimage digest +${image_digest}\n`))
    fleet.release(retry.id)
    await fleet.ended(retry.id)

    const rerun = (await fleet.server.call('POST', `/v1/executions/${id}/rerun`)).json
    await fleet.began(rerun.id)
    t.equal(await fleet.log(rerun.id), 'began in second\n')
    await fleet.server.call('POST', `/v1/executions/${rerun.id}/abort`)
    await fleet.ended(rerun.id)
    t.equal(await runner.stop(), 0)
  })

  await test('so does the retry of an attempt whose runner was lost', async (t, fleet) => {
    await move('first')
    const lost = await fleet.attach('one', {}, pulling)
    const { id } = await fleet.submit({ image: name, command: which, retries: 1 })
    await fleet.began(id)
    await fleet.until(id, ({ image_digest }) => image_digest !== null)
    await lost.stop('SIGKILL')
    await move('second')
    const other = await fleet.attach('two', {}, pulling)
    const retry = await fleet.attempt(id, 2)
    await fleet.began(retry.id)
    t.equal(await fleet.log(retry.id), 'began in first\n')
    fleet.release(retry.id)
    await fleet.ended(retry.id)
    const back = await fleet.start('one').ready()
    await back.event('job:dropped')
    t.equal(await other.stop(), 0)
    t.equal(await back.stop(), 0)
  })
})
