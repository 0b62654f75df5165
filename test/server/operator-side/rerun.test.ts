import t from 'tap'
import { putJob } from '../../../src/server/operator-side/put-job.ts'
import { abort } from '../../../src/server/rules/transitions.ts'
import { change, made, repeat, run } from '../../support/sent.ts'
import { named } from '../../support/server-caller.ts'
import { onEachStore } from '../../support/server-rig.ts'

onEachStore(t, 'a rerun is a new run of what an ended one was, and of nothing else', async (t, rig) => {
  await rig.write(tx => putJob(tx, rig.ctx, named('a'), { image: 'old', secret_env: { A: 'b' } }))
  const first = made(await run(rig, 'a'))
  t.match(await repeat(rig, first.id), { failure: { reason: 'not-finished' } })
  await change(rig, first.id, { state: 'lost' })
  t.match(await repeat(rig, first.id), { failure: { reason: 'not-finished' } })
  await rig.write(async tx => {
    const aborted = abort({ ...(await tx.execution(first.id))!, state: 'queued' }, tx.now)
    if (aborted.ok) tx.putExecution(aborted.value)
  })
  await rig.write(tx => putJob(tx, rig.ctx, named('a'), { image: 'new' }))
  const second = made(await repeat(rig, first.id))
  t.not(second.group, first.group)
  t.match(second, { image: 'old', job_name: 'a', attempt: 1, state: 'queued' })
  const definitions = await rig.read(tx => tx.definitions([first.group, second.group]))
  t.same(definitions.get(second.group)?.body, definitions.get(first.group)?.body)
  t.match(await repeat(rig, '00000000-0000-4000-8000-000000000000'), { failure: { reason: 'not-found' } })
})
