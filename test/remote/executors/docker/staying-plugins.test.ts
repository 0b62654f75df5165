import { join } from 'node:path'
import t from 'tap'
import { LeavingImages } from '../../../../src/remote/executors/docker/leaving-images.ts'
import { invitationFor, StayingPlugins } from '../../../../src/remote/executors/docker/staying-plugins.ts'
import type { ExecutorJob } from '../../../../src/remote/executors/executor.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const plugin = { input: 'sealed', sessionKey: 'a2V5', releaseUrl: 'http://release' }
const job: ExecutorJob = { id: 'job', env: { A: '1' }, secretEnv: {}, limit: 0, grace: 5, plugin }
const signOf = (changes: Partial<ExecutorJob>, served = 0) =>
  invitationFor({ ...job, ...changes }, served, 'http')?.sign

t.test('jobs of the same environment can have the same process, 300 at the most', async t => {
  const sign = signOf({})
  t.ok(sign)
  t.equal(signOf({ id: 'other', limit: 9 }, 299), sign)
  t.not(signOf({}, 300), sign)
  t.equal(signOf({}, 300), signOf({}, 599))
  t.not(signOf({ env: { A: '2' } }), sign)
  t.not(signOf({ secretEnv: { B: '1' } }), sign)
  t.not(signOf({ plugin: { ...plugin, releaseUrl: 'http://other' } }), sign)
})

t.test('a job with another program, or without a key, is not for such a process', async t => {
  for (const changes of [{ command: ['x'] }, { args: ['x'] }, { plugin: { ...plugin, sessionKey: '' } }])
    t.equal(signOf(changes), undefined)
  t.equal(invitationFor({ id: 'job', env: {}, secretEnv: {}, limit: 0, grace: 5 }, 0, 'http'), undefined)
})

t.test('a Secret is that of Kubernetes: values in base64, a version that grows', async t => {
  const [first, second] = [0, 1].map(served => JSON.parse(invitationFor(job, served, 'http')!.secret))
  const text = (value: string) => Buffer.from(value, 'base64').toString()
  t.equal(text(first.data['session-key']), plugin.sessionKey)
  t.equal(text(first.data.input), plugin.input)
  t.same([first.data.url, first.data.fetchUrl], ['', ''])
  t.ok(Number(second.metadata.resourceVersion) > Number(first.metadata.resourceVersion))
  t.notOk(JSON.parse(invitationFor(job, 0, 'http')!.key).data.input, 'a WATCH tells no input')
})

t.test('a plugin that is answered by TLS gets its input in clear', async t => {
  t.equal(invitationFor({ ...job, plugin: { ...plugin, clear: '{}' } }, 0, 'tls')?.secret, '{}')
  t.equal(invitationFor(job, 0, 'tls'), undefined)
})

t.test('plugins do not stay where the configuration says so, or a network is not their own', async t => {
  const leaving = new LeavingImages(join(t.testdir(), 'leaving'), new ManualClock())
  for (const [sdk_daemon, network, why] of [
    ['auto', 'none', undefined],
    ['auto', 'own', undefined],
    ['no', 'none', 'sdk_daemon = no'],
    ['auto', 'host', 'network = host'],
    ['auto', 'container:vpn', 'network = container:vpn'],
  ] as const)
    t.equal(new StayingPlugins({ sdk_daemon, network }, leaving).unwelcome, why)
})
