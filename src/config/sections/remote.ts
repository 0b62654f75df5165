import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { defined } from '../../result.ts'
import { asciiWord } from '../../system/printable.ts'
import type { Diagnostic } from '../diagnostic.ts'
import { address, name, names, oneOf, path, proxy, seconds, splitNames, title, url } from '../forms.ts'
import type { Keys, SettingsOf } from '../key.ts'
import { checkTogether, complaint, defineSection, type Entries, type SectionContext } from '../section.ts'

const keys = {
  url: url().doc('Address of the server that gives jobs to this runner; `--server` overrides it.'),
  token_file: path().doc(
    'File with a registration token. runner reads it before each registration; other calls use the',
    "runner's own token.",
  ),
  name: title().doc('Name of this runner, unique on its server. By default the name of the host.'),
  capabilities: names('remote,remote-script,container').doc(
    'Capabilities of this runner: it gets jobs that need only these. Without `remote-script` it gets no',
    'scripts.',
  ),
  runner_group: name('default').doc('The group whose jobs it takes.'),
  taints: names().doc('Taints: a runner with one gets no work and is not elected.'),
  ca_file: path().doc(
    "Certificates in PEM of the CAs that may sign the server's certificate, instead of those that Node",
    'knows.',
  ),
  cert_file: path().doc('Client certificate in PEM; needs `key_file`.'),
  key_file: path().doc('Private key of the client certificate in PEM.'),
  proxy: proxy().doc('Proxy to the server. Without it `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` apply.'),
  state_dir: path().doc(
    'Directory of the identity and of waiting results, mode 0700; by default `remote` in `state_dir` of',
    '`[runner]`.',
  ),
  work_dir: path().doc('Parent of the directories of containers; by default `work` in `state_dir`.'),
  drain_time: seconds(10800).doc(
    'Seconds that running jobs have to end after runner was asked to stop; then they are aborted.',
  ),
  on_stop: oneOf('drain', 'detach').doc(
    'Effect of a stop on running jobs: `drain` waits for them; `detach` lets them run on for the next',
    'start, for which the server waits an hour.',
  ),
  on_lost: oneOf('run', 'abort').doc(
    'Fate of running jobs when the server has not answered for `lease_seconds`, and so may start another',
    'attempt: with `run` they run on, and runner offers their results later; with `abort` runner ends them.',
  ),
  health_listen: address('127.0.0.1:8686').doc(
    'Address of `/live`, `/ready` and `/metrics`, by HTTP and without a token.',
  ),
} satisfies Keys

/** `[remote]`, with every path absolute. */
export const remote = defineSection({
  about: 'Settings of `runner attach`, on a host that takes jobs from a server.',
  keys,
  settings,
  check,
})

export type RemoteConfiguration = ReturnType<typeof settings>

/** The environment that configures the original runner: its names stand in for keys that are not set. */
const variables = {
  url: 'RELEASE_RUNNER_RELEASE_URL',
  token: 'RELEASE_RUNNER_TOKEN',
  name: 'RELEASE_RUNNER_NAME',
  capabilities: 'RELEASE_RUNNER_CAPABILITIES',
  ca: 'RELEASE_RUNNER_REST_CLIENT_CA',
} as const

const metadataVariables = {
  cluster_name: 'RELEASE_RUNNER_METADATA_CLUSTER_NAME',
  environment: 'RELEASE_RUNNER_METADATA_ENVIRONMENT',
  data_center: 'RELEASE_RUNNER_METADATA_DATA_CENTER',
} as const

function settings(values: SettingsOf<typeof keys>, { entries, env, stateDir }: SectionContext) {
  const from = (key: keyof typeof variables) => env[variables[key]]?.trim() || undefined
  const capabilities = entries.has('capabilities') ? undefined : from('capabilities')
  const metadata = Object.entries(metadataVariables).flatMap(([key, variable]) =>
    env[variable] ? [[key, env[variable]] as const] : [],
  )
  const state_dir = values.state_dir ?? join(stateDir, 'remote')
  return {
    ...values,
    ...defined({
      url: values.url ?? from('url'),
      /** The registration token itself, where the environment has it and no file is named. */
      token: values.token_file === undefined ? from('token') : undefined,
    }),
    ...authoritiesOf(values.ca_file, from('ca')),
    name: values.name ?? from('name') ?? hostname(),
    capabilities: capabilities === undefined ? values.capabilities : splitNames(capabilities),
    state_dir,
    work_dir: values.work_dir ?? join(state_dir, 'work'),
    /** Facts for the server beside the settings. */
    metadata: Object.fromEntries(metadata),
  }
}

/**
 * The authorities of the server: a file, or certificates in PEM, which the environment may have instead of a
 * name.
 */
function authoritiesOf(file: string | undefined, fromEnv = ''): { ca_file?: string; ca?: string } {
  if (file !== undefined) return { ca_file: file }
  if (fromEnv.includes('-----BEGIN')) return { ca: fromEnv }
  return fromEnv === '' ? {} : { ca_file: resolve(fromEnv) }
}

const capabilityForm = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$/
const taintForm = new RegExp(`^${asciiWord}{1,128}$`)
const nameForm = new RegExp(keys.name.schema.pattern ?? '', 'u')
const metadataForm = /^.{1,1024}$/su
/** The most capabilities or taints that the protocol takes. */
const mostNames = 64

function check(entries: Entries, env: NodeJS.ProcessEnv): Diagnostic[] {
  const textOf = (key: string) => entries.get(key)?.value
  const capabilities = textOf('capabilities') ?? env[variables.capabilities] ?? ''
  const source = entries.has('capabilities') ? 'capabilities' : variables.capabilities
  return [
    ...checkNames(entries, 'capabilities', source, splitNames(capabilities), capabilityForm),
    ...checkNames(entries, 'taints', 'taints', splitNames(textOf('taints') ?? ''), taintForm),
    ...(entries.has('name') ? [] : checkVariable(entries, variables.name, env, nameForm, keys.name.form)),
    ...Object.values(metadataVariables).flatMap(name =>
      checkVariable(entries, name, env, metadataForm, 'at most 1024 characters'),
    ),
    ...checkTogether(entries, [
      ['cert_file', 'key_file'],
      ['key_file', 'cert_file'],
    ]),
  ]
}

/**
 * A complaint about a variable whose value the protocol refuses: no key of the file has been checked for it.
 */
function checkVariable(
  entries: Entries,
  name: string,
  env: NodeJS.ProcessEnv,
  form: RegExp,
  formText: string,
): Diagnostic[] {
  const value = env[name]?.trim() ?? ''
  if (value === '' || form.test(value)) return []
  const text = `${name} is ${JSON.stringify(value.slice(0, 80))}; it must be ${formText}`
  return [complaint(entries, name, text, 'set it to another value, or unset it')]
}

/** Complaints about names that the protocol refuses; `source` is the key or the variable that has them. */
function checkNames(
  entries: Entries,
  key: string,
  source: string,
  all: readonly string[],
  form: RegExp,
): Diagnostic[] {
  const wrong = all.find(one => !form.test(one))
  const text = `${source} has ${JSON.stringify(wrong)}, which the protocol does not take`
  return [
    ...(wrong === undefined ? [] : [complaint(entries, key, text, 'one word each')]),
    ...(all.length > mostNames
      ? [complaint(entries, key, `${source} has ${all.length} names`, `at most ${mostNames} are taken`)]
      : []),
  ]
}
