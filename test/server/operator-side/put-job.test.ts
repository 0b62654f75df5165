import t from 'tap'
import { type JobBody, Job as JobSchema, type ShownJob } from '../../../src/protocol/messages/jobs.ts'
import { checkOf } from '../../../src/protocol/validation.ts'
import { deleteJob } from '../../../src/server/operator-side/delete-job.ts'
import { getJob } from '../../../src/server/operator-side/get-job.ts'
import { jobRows, shownJobs } from '../../../src/server/operator-side/list-jobs.ts'
import { putJob } from '../../../src/server/operator-side/put-job.ts'
import { everything, named } from '../../support/server-caller.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

const check = checkOf('body', JobSchema)

const put = (rig: ServerRig, name: string, body: JobBody = { image: 'x' }) =>
  rig.write(tx => putJob(tx, rig.ctx, named(name), body))

async function backUp(rig: ServerRig): Promise<ShownJob[]> {
  const all: ShownJob[] = []
  for await (const job of shownJobs(rig.ctx, await rig.read(tx => jobRows(tx, everything)))) all.push(job)
  return all
}

onEachStore(t, 'a job is made, replaced, shown and removed', async (t, rig) => {
  t.match(await put(rig, 'a'), {
    value: { created: true, job: { name: 'a', kind: 'command', priority: 0 } },
  })
  t.match(await put(rig, 'a', { name: 'a', image: 'y' }), { value: { created: false, job: { image: 'y' } } })
  t.match(await rig.read(tx => getJob(tx, rig.ctx, named('a'))), { value: { name: 'a', image: 'y' } })
  t.match(check((await backUp(rig))[0]), { ok: true })
  t.match(await rig.write(tx => deleteJob(tx, named('a'))), { ok: true })
  t.match(await rig.write(tx => deleteJob(tx, named('a'))), { failure: { reason: 'not-found' } })
  t.match(await rig.read(tx => getJob(tx, rig.ctx, named('a'))), { failure: { reason: 'not-found' } })
  t.same(await backUp(rig), [])
})

onEachStore(t, 'the name in the body is that of the path', async (t, rig) => {
  t.match(await put(rig, 'a', { name: 'b', image: 'x' }), { failure: { reason: 'malformed' } })
  t.same(await backUp(rig), [])
})
