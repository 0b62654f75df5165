import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Spool } from '../../../src/remote/job/spool.ts'
import { assignedJob } from '../../support/messages.ts'

const one = '00000000-0000-4000-8000-000000000001'
const job = assignedJob(one)
const place = { backend: 'docker', version: 1, data: { here: 1 } }
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
  await execution.writePlace(place)
  t.match(execution.state, place)
  truncateSync(join(execution.directory, 'placing.json'), 20)
  t.equal(execution.state, undefined)
  truncateSync(join(execution.directory, 'job.json'), 20)
  t.same(new Spool(root).all(), { executions: [], damaged: [execution.directory], newer: [] })
  t.match(new Spool(root).add(job, lease), { job, lease }, 'it can come again')
  t.match(new Spool(root).all().executions, [{ job, lease }])
})

t.test('it may have started once the order comes next, or when the host may have forgotten that', async t => {
  const execution = new Spool(t.testdir()).add(job, lease)
  t.equal(execution.mayHaveStarted, false)
  await execution.writePlace(place)
  t.equal(execution.mayHaveStarted, false)
  execution.clearPlace()
  t.equal(execution.state, undefined)
  await execution.writePlace(place)
  execution.beginOrder()
  t.match([execution.state, execution.mayHaveStarted], [place, true])
  execution.clearPlace()
  t.same([execution.state, execution.mayHaveStarted], [undefined, false])

  await execution.writePlace(place)
  const path = join(execution.directory, 'placing.json')
  writeFileSync(path, readFileSync(path, 'utf8').replace(/("boot_id":)"[^"]*"/, '$1"another"'))
  t.match([execution.state, execution.mayHaveStarted], [place, true], 'of another boot')
})

t.test('what cannot be written is not there', async t => {
  const root = t.testdir({ [one]: { 'placing.json': {} } })
  const execution = new Spool(root).add(job, lease)
  await t.rejects(execution.writePlace(place))
  t.equal(execution.state, undefined)
})

t.test('what release 0.1.0 has written has the format of today', async t => {
  const root = t.testdir({
    [one]: {
      'job.json': JSON.stringify({ job: { execution_id: one, kind: 'command', image: 'box' }, lease }),
      'place.json': JSON.stringify({
        executor_id: 'here',
        nonce: '00',
        leaf: { device: 1, inode: 2 },
        boot_id: 'x',
      }),
      'end.json': JSON.stringify({ outcome: 'failed', started_at: 'a', finished_at: 'b' }),
    },
  })
  const [execution] = new Spool(root).all().executions
  t.match(execution, { job: { env: {}, max_time_seconds: 0, abort_timeout_seconds: 30 }, lease })
  t.same(execution!.state, {
    backend: 'docker',
    version: 0,
    data: {
      executor_id: 'here',
      nonce: '00',
      leaf: { device: 1, inode: 2 },
      job_id: one,
      limit: 0,
      grace: 30,
    },
  })
  t.match(execution!.end, { outcome: 'failed', log_length: 0, output: null })
  t.equal(execution!.mayHaveStarted, true)
})

t.test('what a newer release has written is left alone', async t => {
  const id = (n: number) => one.replace(/1$/, String(n))
  const file = (format: number, more: object) => JSON.stringify({ format, ...more })
  const whole = (n: number) => file(1, { job: { ...job, execution_id: id(n) }, lease })
  const root = t.testdir({
    [id(1)]: { 'job.json': file(2, { job, lease }) },
    [id(2)]: { 'job.json': whole(2), 'placing.json': file(2, {}) },
    [id(3)]: { 'job.json': whole(3), 'place.json': file(2, {}) },
    [id(4)]: { 'job.json': whole(4), 'place.json': file(1, place), 'end.json': file(2, {}) },
    [id(5)]: { 'job.json': whole(5) },
  })
  const { executions, damaged, newer } = new Spool(root).all()
  t.same(
    newer.sort(),
    [1, 2, 3, 4].map(n => join(root, id(n))),
  )
  t.match([executions.map(one => one.id), damaged], [[id(5)], []])
  t.throws(() => new Spool(root).add(job, lease), /written by a newer release/)
  t.equal(readFileSync(join(root, id(1), 'job.json'), 'utf8'), file(2, { job, lease }))
})
