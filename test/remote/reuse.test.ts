import t from 'tap'
import { onceBecause, reuseKeyOf } from '../../src/remote/executors/reuse.ts'

const facts = { podman: false, runtime: 'runc', security: ['name=seccomp,profile=default'] }
const settings = { reuse: 'domain' as const, cap_add: [] }

t.test('an engine with its usual means may have containers used again', async t => {
  t.equal(onceBecause(facts, settings), undefined)
  for (const security of ['name=seccomp,profile=builtin', 'name=seccomp,profile=/etc/own.json'])
    t.equal(onceBecause({ ...facts, security: ['name=apparmor', security] }, settings), undefined)
  for (const runtime of ['crun', 'io.containerd.runc.v2'])
    t.equal(onceBecause({ ...facts, runtime }, settings), undefined)
  t.equal(onceBecause(facts, { reuse: 'job', cap_add: ['CAP_KILL', 'net_bind_service'] }), undefined)
})

t.test('a job that could leave what nobody sees has its container alone, and it is said why', async t => {
  t.match(onceBecause(facts, { ...settings, reuse: 'never' }), 'reuse is never')
  t.match(onceBecause({ ...facts, podman: true }, settings), 'podman')
  for (const security of [[], ['name=seccomp,profile=unconfined'], ['name=apparmor']])
    t.match(onceBecause({ ...facts, security }, settings), 'keyctl')
  for (const runtime of ['', 'runsc', 'kata', 'runc-of-mine'])
    t.match(onceBecause({ ...facts, runtime }, settings), 'runtime')
  for (const power of ['ALL', 'SYS_ADMIN', 'cap_dac_override', 'NET_RAW', 'CHOWN'])
    t.match(
      onceBecause(facts, { ...settings, cap_add: ['KILL', power] }),
      power.toUpperCase().replace('CAP_', ''),
    )
})

t.test('a container is for one trust domain, and the stricter of runner and job holds', async t => {
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
