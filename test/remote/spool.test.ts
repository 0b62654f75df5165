import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type Job, Spool } from '../../src/remote/spool.ts'

const one = '00000000-0000-4000-8000-000000000001'
const job: Job = {
  ...{ execution_id: one, kind: 'command', image: 'box', runner_group: 'default', env: {}, secret_env: {} },
  ...{ secrets: [], session_key: '', release_url: '', max_time_seconds: 0, abort_timeout_seconds: 1 },
  max_output_bytes: 1000,
}
const lease = { lease_id: 'first', job_name: null }

t.test('what is on record is the job as it came first, and the latest lease', async t => {
  const root = t.testdir()
  new Spool(root).add(job, lease)
  new Spool(root).add({ ...job, image: 'other' }, { ...lease, lease_id: 'second' })
  const { executions, damaged } = new Spool(root).all()
  t.same(damaged, [])
  t.match(executions, [{ job, lease: { lease_id: 'second' } }])
  executions[0]!.writeLease({ ...lease, lease_id: 'third' })
  t.match(new Spool(root).all().executions, [{ job, lease: { lease_id: 'third' } }])
})

t.test('a file that breaks off is none', async t => {
  const root = t.testdir()
  const execution = new Spool(root).add(job, lease)
  const place = { executor_id: 'here', nonce: '00', leaf: { device: 1, inode: 2 } }
  await execution.writePlace(place)
  t.match(execution.place, place)
  truncateSync(join(execution.directory, 'placing.json'), 20)
  t.equal(execution.place, undefined)
  truncateSync(join(execution.directory, 'job.json'), 20)
  t.same(new Spool(root).all(), { executions: [], damaged: [execution.directory] })
  t.match(new Spool(root).add(job, lease), { job, lease }, 'it can come again')
  t.match(new Spool(root).all().executions, [{ job, lease }])
})

t.test('it may have started once the order comes next, or when the host may have forgotten that', async t => {
  const execution = new Spool(t.testdir()).add(job, lease)
  const place = { executor_id: 'here', nonce: '00', leaf: { device: 1, inode: 2 } }
  t.equal(execution.mayHaveStarted, false)
  await execution.writePlace(place)
  t.equal(execution.mayHaveStarted, false)
  execution.clearPlace()
  t.equal(execution.place, undefined)
  await execution.writePlace(place)
  execution.beginOrder()
  t.match([execution.place, execution.mayHaveStarted], [place, true])
  execution.clearPlace()
  t.same([execution.place, execution.mayHaveStarted], [undefined, false])

  await execution.writePlace(place)
  const path = join(execution.directory, 'placing.json')
  writeFileSync(path, readFileSync(path, 'utf8').replace(/("boot_id":)"[^"]*"/, '$1"another"'))
  t.match([execution.place, execution.mayHaveStarted], [place, true], 'of another boot')
})

t.test('what cannot be written is not there', async t => {
  const root = t.testdir({ [one]: { 'placing.json': {} } })
  const execution = new Spool(root).add(job, lease)
  await t.rejects(execution.writePlace({ executor_id: 'here', nonce: '00', leaf: { device: 1, inode: 2 } }))
  t.equal(execution.place, undefined)
})

t.test('a link in the place of a leaf is removed, and what it leads to is not', async t => {
  const root = t.testdir({ spool: {}, outside: { log: 'of others' } })
  const execution = new Spool(join(root, 'spool')).add(job)
  symlinkSync(join(root, 'outside'), execution.leaf)
  t.match(execution.openLog(), { ok: false })
  t.match(await execution.tidy(), { ok: true })
  t.equal(readFileSync(join(root, 'outside', 'log'), 'utf8'), 'of others')
  t.match(execution.openLog(), { ok: false })
  mkdirSync(execution.leaf)
  writeFileSync(join(execution.leaf, 'log'), 'its own')
  t.match(await execution.tidy(), { ok: true })
  t.equal(readFileSync(join(execution.directory, 'log'), 'utf8'), 'its own')
  t.match(await execution.remove(), { ok: true })
  t.match(new Spool(join(root, 'spool')).all(), { executions: [], damaged: [] })
})
