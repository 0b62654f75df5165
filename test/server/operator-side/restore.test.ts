import fc from 'fast-check'
import t from 'tap'
import {
  type Job,
  type JobBody,
  Job as JobSchema,
  type ShownJob,
} from '../../../src/protocol/messages/jobs.ts'
import { checkOf } from '../../../src/protocol/validation.ts'
import { deleteJob } from '../../../src/server/operator-side/delete-job.ts'
import { getJob } from '../../../src/server/operator-side/get-job.ts'
import { jobRows, shownJobs } from '../../../src/server/operator-side/list-jobs.ts'
import { putJob } from '../../../src/server/operator-side/put-job.ts'
import { restore } from '../../../src/server/operator-side/restore.ts'
import { runJob } from '../../../src/server/operator-side/run-job.ts'
import { confidential } from '../../../src/server/state/definitions.ts'
import { makeContext } from '../../support/context.ts'
import { environments, inputs, secretEnvironments } from '../../support/inputs.ts'
import { askedBy, everything, named } from '../../support/server-caller.ts'
import { onEachStore, type ServerRig } from '../../support/server-rig.ts'

const check = checkOf('body', JobSchema)

const put = (rig: ServerRig, name: string, body: JobBody = { image: 'x' }) =>
  rig.write(tx => putJob(tx, rig.ctx, named(name), body))

const restoreAll = (rig: ServerRig, backup: unknown) =>
  rig.write(tx => restore(tx, rig.ctx, everything, backup))

async function backUp(rig: ServerRig): Promise<ShownJob[]> {
  const all: ShownJob[] = []
  for await (const job of shownJobs(rig.ctx, await rig.read(tx => jobRows(tx, everything)))) all.push(job)
  return all
}

/** All that is kept of every job, in clear. */
const kept = (rig: ServerRig) =>
  rig.read(async tx =>
    (await tx.listJobs()).map(row => ({ ...row, sealed: confidential(row, rig.ctx.keys) })),
  )

const name = fc.stringMatching(/^[a-z][a-z0-9._-]{0,5}$/)

const definition = fc
  .record(
    {
      image: fc.constantFrom('x', 'registry:5000/y@sha256:00'),
      command: fc.array(fc.string(), { minLength: 1 }),
      env: environments,
      secret_env: secretEnvironments,
      input: inputs.map(({ input }) => input),
      capabilities: fc.uniqueArray(fc.constantFrom('a', 'b', 'c')),
      priority: fc.integer({ min: -1000, max: 1000 }),
      retries: fc.integer({ min: 0, max: 100 }),
      max_time_seconds: fc.integer({ min: 1, max: 1000 }),
      concurrency: fc.constantFrom('allow', 'forbid'),
    },
    { requiredKeys: ['image'] },
  )
  .filter(body => checkOf('body', JobSchema)({ name: 'x', ...body }).ok)

onEachStore(t, 'a backup restores every job as it was, on a server with the same key', async (t, rig) => {
  await fc.assert(
    fc.asyncProperty(fc.dictionary(name, definition, { maxKeys: 5 }), async jobs => {
      // The filter of definitions has judged them.
      for (const [name, body] of Object.entries(jobs)) await put(rig, name, body as JobBody)
      const before = await kept(rig)
      const backup = JSON.parse(JSON.stringify(await backUp(rig))) as Job[]
      for (const { name } of backup) {
        const checked = check(backup.find(job => job.name === name))
        if (!checked.ok) throw new Error(checked.failure)
        await rig.write(tx => deleteJob(tx, named(name)))
      }
      const answer = await restoreAll(rig, backup)
      const after = await kept(rig)
      for (const { name } of backup) await rig.write(tx => deleteJob(tx, named(name)))
      t.match(answer, { ok: true, value: { restored: backup.length } })
      return JSON.stringify(after) === JSON.stringify(before)
    }),
    { numRuns: 30 },
  )
})

onEachStore(t, 'a backup with a wrong entry changes nothing, and the entry is named', async (t, rig) => {
  await put(rig, 'a', { image: 'old' })
  const before = await kept(rig)
  const good = { name: 'good', image: 'x' }
  const refused = async (backup: unknown, reason: string, detail: RegExp) => {
    t.match(await restoreAll(rig, backup), { ok: false, failure: { reason, detail } })
    t.same(await kept(rig), before)
  }
  for (const backup of [undefined, null, 1, 'x', {}, { jobs: [good] }])
    await refused(backup, 'backup-invalid', /array of jobs/)
  await refused([good, { name: 'a', imagee: 'x' }], 'backup-invalid', /^entry 1 \(a\): .*image/)
  await refused([good, { name: '../a', image: 'x' }], 'backup-invalid', /^entry 1 \(\.\.\/a\): name/)
  await refused([good, null], 'backup-invalid', /^entry 1: /)
  await refused([good, good], 'backup-invalid', /^entry 1 \(good\): a job of this name/)
  await refused(
    [good, { ...good, name: 'k', schedule: '@every 5s' }],
    'backup-invalid',
    /^entry 1 \(k\): .*schedule/,
  )
  await refused(
    [good, { name: 'i', image: 'x', kind: 'command', input: { task: { type: 'a.T', properties: [] } } }],
    'backup-invalid',
    /^entry 1 \(i\): \/kind/,
  )
  const elsewhere = makeContext({}, Buffer.alloc(32, 9))
  await rig.write(tx => putJob(tx, elsewhere, named('far'), { image: 'x', secret_env: { A: 'b' } }))
  const far = await rig.read(tx => getJob(tx, elsewhere, named('far')))
  await rig.write(tx => deleteJob(tx, named('far')))
  await refused([good, far.ok && far.value], 'unknown-key', /^entry 1 \(far\): A: /)
})

onEachStore(t, 'a huge backup is taken, and one that is wrong at its end is not', async (t, rig) => {
  const backup: unknown[] = Array.from({ length: 5000 }, (_, index) => ({ name: `j${index}`, image: 'x' }))
  t.match(await restoreAll(rig, [...backup, {}]), {
    failure: { reason: 'backup-invalid', detail: /^entry 5000: / },
  })
  t.same(await backUp(rig), [])
  t.match(await restoreAll(rig, backup), { value: { restored: 5000 } })
  t.equal((await backUp(rig)).length, 5000)
})

onEachStore(t, 'jobs that are not in a backup stay, and what runs keeps its snapshot', async (t, rig) => {
  await put(rig, 'stays')
  await put(rig, 'runs', { image: 'old' })
  const by = askedBy()
  const execution = await rig.write(tx => runJob(tx, rig.ctx, 'runs', by))
  t.match(await restoreAll(rig, [{ name: 'runs', image: 'new' }]), { ok: true })
  t.match(await backUp(rig), [{ name: 'runs', image: 'new' }, { name: 'stays' }])
  t.ok(execution.ok)
  if (execution.ok) {
    const row = await rig.read(tx => tx.definition(execution.value.group))
    t.equal(row?.body.image, 'old')
  }
})
