import t from 'tap'
import { reuseKeyOf } from '../../../src/remote/job/reuse-key.ts'

t.test('a slot is for one trust domain, and the stricter of runner and job holds', async t => {
  const job = { domain: 'd', job_name: 'nightly' }
  const key = reuseKeyOf('domain', job)
  t.ok(key)
  t.equal(reuseKeyOf('domain', { ...job, job_name: 'other' }), key)
  t.equal(reuseKeyOf('domain', { ...job, job_name: null, reuse: 'domain' }), key)
  t.not(reuseKeyOf('domain', { ...job, domain: 'e' }), key)
  const own = reuseKeyOf('job', job)
  t.ok(own)
  t.not(own, key)
  t.equal(reuseKeyOf('domain', { ...job, reuse: 'job' }), own)
  t.equal(reuseKeyOf('job', { ...job, reuse: 'domain' }), own, 'a job cannot be less strict')
  for (const other of [
    { ...job, job_name: 'other' },
    { ...job, domain: 'e' },
  ])
    t.not(reuseKeyOf('job', other), own)
  // No two pairs of texts give the same key.
  t.not(
    reuseKeyOf('job', { domain: 'a","b', job_name: 'c' }),
    reuseKeyOf('job', { domain: 'a', job_name: 'b","c' }),
  )
  t.equal(reuseKeyOf('job', { ...job, job_name: null }), undefined, 'without a name there is no other of it')
  t.equal(reuseKeyOf('domain', { job_name: 'nightly' }), undefined, 'a server that names no domain')
  for (const reuse of ['never', 'a word of a newer server', ''])
    t.equal(reuseKeyOf('domain', { ...job, reuse }), undefined, reuse)
  t.equal(reuseKeyOf('never', job), undefined)
})
