import fc from 'fast-check'
import t from 'tap'
import type { Job, JobBody, ShownJob } from '../../src/protocol/messages.ts'
import { Job as JobSchema } from '../../src/protocol/messages.ts'
import { checkOf } from '../../src/protocol/validation.ts'
import { confidential } from '../../src/server/definitions.ts'
import { deleteJob, getJob, jobRows, putJob, restore, shownJobs } from '../../src/server/jobs.ts'
import { runJob } from '../../src/server/submit.ts'
import { makeContext } from '../support/context.ts'
import { environments, inputs, secretEnvironments } from '../support/inputs.ts'
import { onEachStore, type ServerRoom } from '../support/server-room.ts'

const check = checkOf('body', JobSchema)
const put = (room: ServerRoom, name: string, body: JobBody = { image: 'x' }) =>
  room.write(tx => putJob(tx, room.ctx, name, body))
const restoreAll = (room: ServerRoom, backup: unknown) => room.write(tx => restore(tx, room.ctx, backup))
async function backUp(room: ServerRoom): Promise<ShownJob[]> {
  const all: ShownJob[] = []
  for await (const job of shownJobs(room.ctx, await room.read(jobRows))) all.push(job)
  return all
}

/** All that is kept of every job, in clear. */
const kept = (room: ServerRoom) =>
  room.read(async tx =>
    (await tx.listJobs()).map(row => ({ ...row, sealed: confidential(row, room.ctx.keys) })),
  )

onEachStore(t, 'a job is made, replaced, shown and removed', async (t, room) => {
  t.match(await put(room, 'a'), {
    value: { created: true, job: { name: 'a', kind: 'command', priority: 0 } },
  })
  t.match(await put(room, 'a', { name: 'a', image: 'y' }), { value: { created: false, job: { image: 'y' } } })
  t.match(await room.read(tx => getJob(tx, room.ctx, 'a')), { value: { name: 'a', image: 'y' } })
  t.equal(check((await backUp(room))[0]), undefined)
  t.match(await room.write(tx => deleteJob(tx, room.ctx, 'a')), { ok: true })
  t.match(await room.write(tx => deleteJob(tx, room.ctx, 'a')), { failure: { reason: 'not-found' } })
  t.match(await room.read(tx => getJob(tx, room.ctx, 'a')), { failure: { reason: 'not-found' } })
  t.same(await backUp(room), [])
})

onEachStore(t, 'the name in the body is that of the path', async (t, room) => {
  t.match(await put(room, 'a', { name: 'b', image: 'x' }), { failure: { reason: 'malformed' } })
  t.same(await backUp(room), [])
})

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
  .filter(body => checkOf('body', JobSchema)({ name: 'x', ...body }) === undefined)

onEachStore(t, 'a backup restores every job as it was, on a server with the same key', async (t, room) => {
  await fc.assert(
    fc.asyncProperty(fc.dictionary(name, definition, { maxKeys: 5 }), async jobs => {
      for (const [name, body] of Object.entries(jobs)) await put(room, name, body as JobBody)
      const before = await kept(room)
      const backup = JSON.parse(JSON.stringify(await backUp(room))) as Job[]
      for (const { name } of backup) {
        const wrong = check(backup.find(job => job.name === name))
        if (wrong !== undefined) throw new Error(wrong)
        await room.write(tx => deleteJob(tx, room.ctx, name))
      }
      const answer = await restoreAll(room, backup)
      const after = await kept(room)
      for (const { name } of backup) await room.write(tx => deleteJob(tx, room.ctx, name))
      t.match(answer, { ok: true, value: { restored: backup.length } })
      return JSON.stringify(after) === JSON.stringify(before)
    }),
    { numRuns: 30 },
  )
})

onEachStore(t, 'a backup with a wrong entry changes nothing, and the entry is named', async (t, room) => {
  await put(room, 'a', { image: 'old' })
  const before = await kept(room)
  const good = { name: 'good', image: 'x' }
  const refused = async (backup: unknown, reason: string, detail: RegExp) => {
    t.match(await restoreAll(room, backup), { ok: false, failure: { reason, detail } })
    t.same(await kept(room), before)
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
  await room.write(tx => putJob(tx, elsewhere, 'far', { image: 'x', secret_env: { A: 'b' } }))
  const far = await room.read(tx => getJob(tx, elsewhere, 'far'))
  await room.write(tx => deleteJob(tx, elsewhere, 'far'))
  await refused([good, far.ok && far.value], 'unknown-key', /^entry 1 \(far\): A: /)
})

onEachStore(t, 'a huge backup is taken, and one that is wrong at its end is not', async (t, room) => {
  const backup: unknown[] = Array.from({ length: 5000 }, (_, index) => ({ name: `j${index}`, image: 'x' }))
  t.match(await restoreAll(room, [...backup, {}]), {
    failure: { reason: 'backup-invalid', detail: /^entry 5000: / },
  })
  t.same(await backUp(room), [])
  t.match(await restoreAll(room, backup), { value: { restored: 5000 } })
  t.equal((await backUp(room)).length, 5000)
})

onEachStore(t, 'jobs that are not in a backup stay, and what runs keeps its snapshot', async (t, room) => {
  await put(room, 'stays')
  await put(room, 'runs', { image: 'old' })
  const by = { token_id: 't', body_sha256: '' }
  const execution = await room.write(tx => runJob(tx, room.ctx, 'runs', by))
  t.match(await restoreAll(room, [{ name: 'runs', image: 'new' }]), { ok: true })
  t.match(await backUp(room), [{ name: 'runs', image: 'new' }, { name: 'stays' }])
  t.ok(execution.ok)
  if (execution.ok) {
    const row = await room.read(tx => tx.definition(execution.value.group))
    t.equal(row?.body.image, 'old')
  }
})
