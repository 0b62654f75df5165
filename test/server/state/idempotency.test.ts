import t from 'tap'
import type { Submit } from '../../../src/protocol/messages/jobs.ts'
import { putJob } from '../../../src/server/operator-side/put-job.ts'
import { submit } from '../../../src/server/operator-side/submit.ts'
import type { AskedBy } from '../../../src/server/state/idempotency.ts'
import { change, made, repeat, run } from '../../support/sent.ts'
import { askedBy, named } from '../../support/server-caller.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

const plain: AskedBy = askedBy()

const send = (rig: ServerRig, body: Submit, by = plain) => rig.write(tx => submit(tx, rig.ctx, body, by))

onEachStore(t, 'an idempotency key gives the same execution for 24 hours, to one token', async (t, rig) => {
  const keyed = { ...plain, idempotency_key: 'k' }
  const first = made(await send(rig, { image: 'x' }, keyed))
  t.equal(made(await send(rig, { image: 'x' }, keyed)).id, first.id)
  await change(rig, first.id, { state: 'succeeded', finished_at: rig.now() })
  t.match(made(await send(rig, { image: 'x' }, keyed)), { id: first.id, state: 'succeeded' })
  t.not(made(await send(rig, { image: 'x' }, { ...keyed, token_id: 'other' })).id, first.id)
  t.not(made(await send(rig, { image: 'x' }, plain)).id, first.id)
  t.match(await send(rig, { image: 'x' }, { ...keyed, body_sha256: 'another' }), {
    failure: { reason: 'key-reused' },
  })
  rig.pass((24 * 3600 * 1000 - 1) / 1000)
  t.equal(made(await send(rig, { image: 'x' }, keyed)).id, first.id)
  rig.pass(0.001)
  t.not(made(await send(rig, { image: 'x' }, keyed)).id, first.id)
})

onEachStore(t, 'a key is for one call: not for another job, nor for another kind of call', async (t, rig) => {
  for (const name of ['a', 'b']) await rig.write(tx => putJob(tx, rig.ctx, named(name), { image: 'x' }))
  const keyed = { ...plain, idempotency_key: 'k' }
  const first = made(await run(rig, 'a', keyed))
  t.equal(made(await run(rig, 'a', keyed)).id, first.id)
  t.match(await run(rig, 'b', keyed), { failure: { reason: 'key-reused' } })
  t.match(await repeat(rig, first.id, keyed), { failure: { reason: 'key-reused' } })
})

onEachStore(t, 'those that arrive together with the same key are one', async (t, rig) => {
  const keyed = { ...plain, idempotency_key: 'k' }
  const answers = await Promise.all([1, 2, 3].map(() => send(rig, { image: 'x' }, keyed)))
  t.equal(new Set(answers.map(answer => made(answer).id)).size, 1)
})

onEachStore(t, 'a call that was refused can be made again with its key', async (t, rig) => {
  const keyed = { ...plain, idempotency_key: 'k' }
  t.match(await run(rig, 'a', keyed), { failure: { reason: 'not-found' } })
  await rig.write(tx => putJob(tx, rig.ctx, named('a'), { image: 'x' }))
  t.match(await run(rig, 'a', keyed), { ok: true })
})
