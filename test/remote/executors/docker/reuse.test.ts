import t from 'tap'
import { onceBecause } from '../../../../src/remote/executors/docker/reuse.ts'

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
  t.match(onceBecause(facts, { ...settings, reuse: 'never' }), 'reuse = never')
  t.match(onceBecause({ ...facts, podman: true }, settings), 'podman')
  for (const security of [[], ['name=seccomp,profile=unconfined'], ['name=apparmor']])
    t.match(onceBecause({ ...facts, security }, settings), 'keyctl')
  for (const runtime of ['', 'runsc', 'kata', 'runc-of-mine'])
    t.match(onceBecause({ ...facts, runtime }, settings), 'runtime')
  t.match(onceBecause(facts, { ...settings, runtime: 'runsc' }), 'the runtime is runsc')
  t.equal(onceBecause({ ...facts, runtime: 'runsc' }, { ...settings, runtime: 'runc' }), undefined)
  for (const power of ['ALL', 'SYS_ADMIN', 'cap_dac_override', 'NET_RAW', 'CHOWN'])
    t.match(
      onceBecause(facts, { ...settings, cap_add: ['KILL', power] }),
      power.toUpperCase().replace('CAP_', ''),
    )
})
