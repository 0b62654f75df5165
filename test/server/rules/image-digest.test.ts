import t from 'tap'
import { rerun } from '../../../src/server/operator-side/rerun.ts'
import { askedBy, everything } from '../../support/server-caller.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

const digest = (digit: string) => `sha256:${digit.repeat(64)}`
const failed = { outcome: 'failed' as const, exit_code: 1, reason: 'exit-status' }
const retried = { image: 'registry.example/app:1', retries: 3 }

/** The digest in the reservation of the next attempt, and that reservation. */
async function next(rig: ServerRig) {
  const runner = await rig.addRunner()
  const [reservation] = await rig.reserve(runner)
  await rig.confirm(runner, reservation!)
  return { runner, reservation: reservation! }
}

onEachStore(t, 'the attempts of a run get the image that the first to report one has got', async (t, rig) => {
  const runner = await rig.addRunner()
  const first = await rig.start(runner, retried)
  t.match(first, { image: retried.image, image_digest: null }, 'the runner is asked')
  await rig.result(runner, first, failed)

  const second = await next(rig)
  t.equal(second.reservation.image_digest, null, 'the runner of the first attempt has not said it')
  await rig.result(second.runner, second.reservation, { ...failed, image_digest: digest('a') })

  const third = await next(rig)
  t.match(third.reservation, { image: retried.image, image_digest: digest('a') })
  await rig.result(third.runner, third.reservation, { ...failed, image_digest: digest('b') })

  const fourth = await next(rig)
  t.equal(fourth.reservation.image_digest, digest('a'), 'the first one stays')
  t.match(await rig.attempts(first.execution_id), [
    { image_digest: null },
    { image_digest: digest('a') },
    { image_digest: digest('a') },
    { image_digest: digest('a') },
  ])
})

onEachStore(t, 'a lost attempt has left its digest with a heartbeat', async (t, rig) => {
  const runner = await rig.addRunner()
  const { execution_id: id } = await rig.start(runner, retried)
  await rig.heartbeat(runner, [id], { image_digests: { [id]: digest('a') } })
  await rig.wait(65)
  t.equal((await next(rig)).reservation.image_digest, digest('a'))
})

onEachStore(
  t,
  'a digest of a runner counts for what it holds alone, and where it was asked for',
  async (t, rig) => {
    const [runner, other] = [await rig.addRunner(), await rig.addRunner()]
    const held = await rig.start(runner, retried)
    const queued = await rig.submit(retried)
    const image_digests = { [held.execution_id]: digest('e'), [queued]: digest('e') }
    await rig.heartbeat(other, [held.execution_id], { image_digests })
    await rig.heartbeat(other, [], { image_digests })
    await rig.heartbeat(runner, [], { image_digests })
    await rig.result(other, held, { ...failed, image_digest: digest('e') })
    for (const id of Object.keys(image_digests)) t.match(await rig.execution(id), { image_digest: null })
    // After a restore a runner may list what is queued: it does not hold that yet.
    await rig.heartbeat(other, [queued], { image_digests })
    t.match(await rig.execution(queued), { image_digest: null })

    for (const definition of [
      { image: retried.image },
      { ...retried, image: `registry.example/app@${digest('0')}` },
    ]) {
      const asked = await rig.start(runner, definition)
      t.notOk('image_digest' in asked, JSON.stringify(definition))
      const id = asked.execution_id
      await rig.heartbeat(runner, [id], { image_digests: { [id]: digest('e') } })
      await rig.result(runner, asked, { ...failed, image_digest: digest('e') })
      t.match(await rig.attempts(id), [{ image_digest: null }])
    }
  },
)

onEachStore(t, 'a rerun gets the image that is called so now', async (t, rig) => {
  const runner = await rig.addRunner()
  const first = await rig.start(runner, { ...retried, retries: 1 })
  await rig.result(runner, first, { image_digest: digest('a') })
  await rig.write(tx => rerun(tx, rig.ctx, everything, first.execution_id, askedBy()))
  t.equal((await next(rig)).reservation.image_digest, null)
})
