import { writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { loadConfiguration } from '../../../src/config/load.ts'

const load = (dir: string, text: string, env: NodeJS.ProcessEnv = {}) => {
  const file = join(dir, 'runner.cfg')
  writeFileSync(file, `[runner]\nstate_dir = state\n[remote]\n${text}`)
  const loaded = loadConfiguration(file, env)
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.failure))
  return loaded.value
}

t.test('keys that are missing have defaults', async t => {
  const dir = t.testdir()
  t.same(load(dir, '').remote, {
    name: hostname(),
    capabilities: ['remote', 'remote-script', 'container'],
    runner_group: 'default',
    taints: [],
    state_dir: join(dir, 'state', 'remote'),
    work_dir: join(dir, 'state', 'remote', 'work'),
    drain_time: 10_800,
    on_stop: 'drain',
    on_lost: 'run',
    health_listen: { host: '127.0.0.1', port: 8686 },
    metadata: {},
  })
})

t.test('the environment of the original runner stands in for missing keys, and for no others', async t => {
  const dir = t.testdir()
  const env = {
    RELEASE_RUNNER_RELEASE_URL: 'https://release.example',
    RELEASE_RUNNER_TOKEN: 'rnr_registration_x',
    RELEASE_RUNNER_NAME: 'theirs',
    RELEASE_RUNNER_CAPABILITIES: 'remote,remote-script,container,k8s',
    RELEASE_RUNNER_STORE_NAME: 'store',
    RELEASE_RUNNER_REST_CLIENT_CA: '-----BEGIN CERTIFICATE-----\nx',
    RELEASE_RUNNER_METADATA_CLUSTER_NAME: 'c',
    RELEASE_RUNNER_METADATA_ENVIRONMENT: 'e',
    RELEASE_RUNNER_METADATA_DATA_CENTER: 'd',
  }
  t.match(load(dir, '', env).remote, {
    url: 'https://release.example',
    token: 'rnr_registration_x',
    name: 'theirs',
    capabilities: ['remote', 'remote-script', 'container', 'k8s'],
    ca: '-----BEGIN CERTIFICATE-----\nx',
    metadata: { cluster_name: 'c', environment: 'e', data_center: 'd' },
  })
  const text = 'url = https://own\ntoken_file = own.token\nname = own\ncapabilities = a\nca_file = ca.pem'
  const own = load(dir, text, env).remote
  t.match(own, { url: 'https://own', token_file: join(dir, 'own.token'), name: 'own', capabilities: ['a'] })
  t.equal(own.ca_file, join(dir, 'ca.pem'))
  t.notHas(own, { token: String })
  t.notHas(own, { ca: String })
})

t.test('what is wrong is said, with what to write instead', async t => {
  const dir = t.testdir()
  const errors = (text: string) =>
    load(dir, text)
      .findings.filter(({ severity }) => severity === 'error')
      .map(({ message }) => message)
  t.match(errors('on_stop = wait'), [/on_stop is "wait"; it must be drain or detach/])
  t.match(errors('url = ftp://x'), [/url is/])
  t.match(errors('capabilities = a b'), [/capabilities has "a b"/])
  t.match(errors('cert_file = x'), [/cert_file is set, and key_file is not/])
  t.match(errors('health_listen = :99999'), [/a port is at most 65535/])
  t.match(errors('drain_tim = 1'), [/has no key drain_tim/])
  t.same(errors('url = runner.example:8080\ntaints = maintenance, disk'), [])
})

t.test('variables that the server would refuse are said at once, unless a key stands in', async t => {
  const dir = t.testdir()
  const errors = (text: string, env: NodeJS.ProcessEnv) =>
    load(dir, text, env)
      .findings.filter(({ severity }) => severity === 'error')
      .map(({ message }) => message)
  t.match(errors('', { RELEASE_RUNNER_NAME: 'two\nlines' }), [
    /RELEASE_RUNNER_NAME is "two\\nlines"; it must be one line of at most 256 characters/,
  ])
  t.match(errors('', { RELEASE_RUNNER_NAME: 'n'.repeat(257) }), [/it must be one line/])
  t.same(errors('name = own', { RELEASE_RUNNER_NAME: 'two\nlines' }), [])
  t.same(errors('', { RELEASE_RUNNER_NAME: '' }), [])
  t.match(errors('', { RELEASE_RUNNER_METADATA_ENVIRONMENT: 'e'.repeat(1025) }), [
    /RELEASE_RUNNER_METADATA_ENVIRONMENT is "e+"; it must be at most 1024 characters/,
  ])
  t.same(errors('', { RELEASE_RUNNER_METADATA_ENVIRONMENT: '\ud83d\ude00'.repeat(1024) }), [])
})
