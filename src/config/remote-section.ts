import { hostname } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import type { Diagnostic } from './diagnostic.ts'
import type { Setting } from './load.ts'
import { type RemoteKey, remoteKeys } from './schema.ts'
import { parseAddress } from './server-section.ts'

/** `[remote]`, with every path absolute. */
export interface RemoteConfiguration {
  /** As written. */
  url?: string
  token_file?: string
  /** The token itself, where the environment has it and no file is named. */
  token?: string
  name: string
  capabilities: string[]
  runner_group: string
  taints: string[]
  ca_file?: string
  /** Certificates in PEM, where the environment has them instead of the name of a file. */
  ca?: string
  cert_file?: string
  key_file?: string
  proxy?: string
  state_dir: string
  work_dir: string
  drain_time: number
  on_stop: 'drain' | 'detach'
  on_lost: 'run' | 'abort'
  health_listen: { host: string; port: number }
  /** What is told to the server beside that. */
  metadata: Record<string, string>
}

/** By what the original runner is configured: names of the environment that stand in for missing keys. */
const variables = {
  url: 'RELEASE_RUNNER_RELEASE_URL',
  token: 'RELEASE_RUNNER_TOKEN',
  name: 'RELEASE_RUNNER_NAME',
  capabilities: 'RELEASE_RUNNER_CAPABILITIES',
  ca: 'RELEASE_RUNNER_REST_CLIENT_CA',
} as const

const metadata = {
  cluster_name: 'RELEASE_RUNNER_METADATA_CLUSTER_NAME',
  environment: 'RELEASE_RUNNER_METADATA_ENVIRONMENT',
  data_center: 'RELEASE_RUNNER_METADATA_DATA_CENTER',
} as const

/** The settings of an attached runner: texts that are valid, then the environment, then defaults. */
export function remoteConfiguration(
  entries: ReadonlyMap<string, Setting>,
  stateDir: string,
  base: string,
  env: NodeJS.ProcessEnv,
): RemoteConfiguration {
  const written = (key: RemoteKey) => entries.get(key)?.value
  const text = (key: RemoteKey) => written(key) ?? remoteKeys[key]?.default ?? ''
  const from = (key: keyof typeof variables) => env[variables[key]]?.trim() || undefined
  const path = (key: RemoteKey) => {
    const value = written(key)
    return value === undefined ? undefined : resolve(dirname(entries.get(key)?.origin?.file ?? base), value)
  }
  const maybe = <K extends string>(key: K, value: string | undefined) =>
    (value === undefined ? {} : { [key]: value }) as { [P in K]?: string }
  const ca = written('ca_file') === undefined ? from('ca') : undefined
  const state = path('state_dir') ?? join(stateDir, 'remote')
  return {
    ...maybe('url', written('url') ?? from('url')),
    ...maybe('token_file', path('token_file')),
    ...(written('token_file') === undefined ? maybe('token', from('token')) : {}),
    name: written('name') ?? from('name') ?? hostname(),
    capabilities: namesOf(written('capabilities') ?? from('capabilities') ?? text('capabilities')),
    runner_group: text('runner_group'),
    taints: namesOf(text('taints')),
    ...maybe('ca_file', path('ca_file') ?? (ca?.includes('-----BEGIN') === false ? resolve(ca) : undefined)),
    ...maybe('ca', ca?.includes('-----BEGIN') === true ? ca : undefined),
    ...maybe('cert_file', path('cert_file')),
    ...maybe('key_file', path('key_file')),
    ...maybe('proxy', written('proxy')),
    state_dir: state,
    work_dir: path('work_dir') ?? join(state, 'work'),
    drain_time: Number(text('drain_time')),
    on_stop: text('on_stop') === 'detach' ? 'detach' : 'drain',
    on_lost: text('on_lost') === 'abort' ? 'abort' : 'run',
    health_listen: parseAddress(text('health_listen')),
    metadata: Object.fromEntries(
      Object.entries(metadata).flatMap(([key, name]) => (env[name] ? [[key, env[name]]] : [])),
    ),
  }
}

/** Names with commas or line feeds between them, each once. */
function namesOf(text: string): string[] {
  const names = text.split(/[,\n]/).map(name => name.trim())
  return [...new Set(names)].filter(name => name !== '')
}

const capabilityForm = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$/
const taintForm = /^[\x21-\x7e]{1,128}$/
/** How many capabilities or taints the protocol takes. */
const mostNames = 64

/** What no pattern can say about the values of `[remote]`. */
export function checkRemote(entries: ReadonlyMap<string, Setting>, env: NodeJS.ProcessEnv): Diagnostic[] {
  const findings: Diagnostic[] = []
  const complain = (key: RemoteKey, message: string, hint: string) =>
    findings.push({ severity: 'error', reason: 'value-invalid', ...entries.get(key)?.origin, message, hint })
  const value = (key: RemoteKey) => entries.get(key)?.value

  const capabilities = value('capabilities') ?? env[variables.capabilities] ?? ''
  for (const [key, names, form] of [
    ['capabilities', namesOf(capabilities), capabilityForm],
    ['taints', namesOf(value('taints') ?? ''), taintForm],
  ] as const) {
    const wrong = names.find(name => !form.test(name))
    const where = value(key) === undefined ? variables.capabilities : key
    if (wrong !== undefined)
      complain(
        key,
        `${where} has ${JSON.stringify(wrong)}, which the protocol does not take`,
        'one word each',
      )
    if (names.length > mostNames)
      complain(key, `${where} has ${names.length} names`, `at most ${mostNames} are taken`)
  }
  for (const [key, other] of [
    ['cert_file', 'key_file'],
    ['key_file', 'cert_file'],
  ] as const)
    if (entries.has(key) && !entries.has(other))
      complain(key, `${key} is set, and ${other} is not`, `set ${other} too, or leave ${key} out`)
  if (value('health_listen') !== undefined && parseAddress(value('health_listen')!).port > 65535)
    complain(
      'health_listen',
      `health_listen is ${value('health_listen')}; a port is at most 65535`,
      'write another port',
    )
  return findings
}
