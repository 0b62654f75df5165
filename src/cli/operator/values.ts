import { statSync } from 'node:fs'
import type { Client } from '../../protocol/client/client.ts'
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import { executionStates } from '../../protocol/states.ts'
import { localTime } from '../../report/local-time.ts'
import { defined } from '../../result.ts'
import { type ConnectOptions, makeClient } from './connect.ts'
import { allRunners } from './find-runner.ts'
import { latestOf, namesExecution } from './ids.ts'
import { inNamespace } from './namespace.ts'
import { activeStates } from './options.ts'
import { collectPages } from './pages.ts'

type Values = [value: string, about: string][]
type Wanted = Partial<ConnectOptions> & { namespace?: string }

/** The most executions that are proposed. */
const mostExecutions = 50

/**
 * The words of the server that a shell proposes, each with a description; none if the server cannot be asked.
 */
export async function serverValues(
  kind: string,
  options: Wanted,
  word: string,
  env: NodeJS.ProcessEnv,
): Promise<Values> {
  if (kind === 'states') return states(word)
  if (kind === 'zones') return ['UTC', ...Intl.supportedValuesOf('timeZone')].map(zone => [zone, ''])
  const read = Object.hasOwn(readers, kind) ? readers[kind] : undefined
  const {
    tokenFile = env.RUNNER_SERVER_TOKEN_FILE,
    caFile = env.RUNNER_SERVER_CA_FILE,
    certFile,
    keyFile,
  } = options
  // To read a FIFO would be to wait for it, and no timer ends that.
  const isReadable = (file: string | undefined) => !file || statSync(file).isFile()
  if (read === undefined || ![tokenFile, caFile, certFile, keyFile].every(isReadable)) return []
  const made = makeClient({ json: false, ...options }, env)
  if (!made.ok) return []
  await using client = made.value
  return await read(client, options, word)
}

const readers: Readonly<Record<string, (client: Client, options: Wanted, word: string) => Promise<Values>>> =
  {
    jobs: async (client, { namespace }) =>
      (await jobsIn(client, namespace)).map(({ name, image }) => [name, image]),
    executions: (client, options, word) => executions(client, options, word),
    active: (client, options, word) => executions(client, options, word, activeStates),
    async nodes(client) {
      const nodes = await allRunners(client)
      return nodes.ok ? nodes.value.map(({ name, state }) => [name, state]) : []
    },
    async groups(client) {
      const groups = await collectPages(page => client.call('listGroups', { query: page }))
      return groups.ok ? groups.value.map(({ name, mode }) => [name, `mode ${mode}`]) : []
    },
    async tokens(client) {
      const tokens = await collectPages(page => client.call('listTokens', { query: page }))
      return tokens.ok ? tokens.value.map(({ id, kind, name }) => [id, `${kind} ${name}`]) : []
    },
    async targets(client) {
      const targets = await collectPages(page => client.call('listNotifyTargets', { query: page }))
      return targets.ok ? targets.value.map(({ name, type }) => [name, type]) : []
    },
    async namespaces(client) {
      const named = (await jobsIn(client)).map(({ namespace }) => namespace ?? 'default')
      return [...new Set(['default', ...named])].map(name => [name, ''])
    },
  }

async function jobsIn(client: Client, namespace?: string) {
  const jobs = await client.call('listJobs', { query: inNamespace(namespace) })
  return jobs.ok ? jobs.value : []
}

/** The latest executions, or those whose ids begin so; and `JOB@latest` of their jobs. */
async function executions(
  client: Client,
  { namespace }: Wanted,
  word: string,
  state?: string,
): Promise<Values> {
  const id_prefix = namesExecution(word) && !word.includes('@') ? word : undefined
  const query = { limit: mostExecutions, ...defined({ id_prefix, state }), ...inNamespace(namespace) }
  const found = await client.call('listExecutions', { query })
  if (!found.ok) return []
  const about = ({ job_name, image, state, created_at }: ListedExecution) =>
    `${job_name ?? image}, ${state}, ${localTime(created_at)}`
  const jobs = new Set(found.value.items.flatMap(({ job_name }) => job_name ?? []))
  return [
    ...found.value.items.map((execution): [string, string] => [execution.id, about(execution)]),
    ...Array.from(jobs, (job): [string, string] => [latestOf(job), `the latest execution of ${job}`]),
  ]
}

/** The states that can follow those before the last comma. */
function states(word: string): Values {
  const before = word.slice(0, word.lastIndexOf(',') + 1)
  const named = before.split(',')
  return executionStates.filter(state => !named.includes(state)).map(state => [before + state, ''])
}
