import { exitStatus } from '../../exit-status.ts'
import { ChainCheck } from '../../protocol/audit-chain.ts'
import type { Client } from '../../protocol/client/client.ts'
import type { ClientFailure } from '../../protocol/client/client-failure.ts'
import type { AuditEntry, AuditList } from '../../protocol/messages/audit.ts'
import { columns } from '../../report/columns.ts'
import { localTime } from '../../report/local-time.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { defined, ok, type Result } from '../../result.ts'
import { counted } from '../../system/counted.ts'
import { defineGroup, type NewCommand, type OptionsOf } from '../define-command.ts'
import { type ConnectOptions, defineServerCommand, sayFailure, statusNotes, withClient } from './connect.ts'
import { limitOption, parseTime } from './options.ts'
import { longestPage } from './pages.ts'

const listOptions = (command: NewCommand) =>
  command
    .option('--since <time>', 'only from this time on; 12h: from 12 hours ago', parseTime)
    .option('--until <time>', 'only before this time; 12h: until 12 hours ago', parseTime)
    .option('--token <token>', 'only the calls with this token, by its id or its name')
    .option('--call <call>', 'only this call, such as putJob, createToken, register or login')
    .option('--namespace <namespace>', 'only what is in this namespace')
    .option('--object <name>', 'only this execution, runner, token, job or group')
    .addOption(limitOption(command, 1_000_000))

type ListOptions = ConnectOptions & OptionsOf<typeof listOptions>

/** Reads page after page while `take` wants more. */
async function readPages(
  client: Client,
  filter: Record<string, string>,
  limitOf: () => number,
  take: (page: AuditList) => void,
): Promise<Result<void, ClientFailure>> {
  let { after } = filter
  for (let limit = limitOf(); limit > 0; limit = limitOf()) {
    const page = await client.call('listAudit', {
      query: { ...filter, limit: Math.min(limit, longestPage), ...defined({ after }) },
    })
    if (!page.ok) return page
    take(page.value)
    const { next } = page.value
    // A server whose pages do not lead to older ones would keep the loop going.
    if (next === null || (after !== undefined && Number(next) >= Number(after))) break
    after = next
  }
  return ok(undefined)
}

function listAudit(options: ListOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const { since, until, token, call, namespace, object, limit } = options
    const entries: AuditEntry[] = []
    const filter = defined({ since, until, token, call, namespace, object })
    const read = await readPages(
      client,
      filter,
      () => limit - entries.length,
      ({ items }) => entries.push(...items),
    )
    if (!read.ok) return sayFailure(read.failure)
    if (options.json) printJson(entries)
    else print(auditText(entries))
    return exitStatus.ok
  })
}

function auditText(entries: readonly AuditEntry[]): string {
  if (entries.length === 0) return 'no entries\n'
  const rows = entries.map(entry => [
    String(entry.number),
    localTime(entry.at),
    entry.problem ?? entry.token_name ?? '',
    entry.token_kind ?? '',
    entry.address ?? '',
    entry.count === 1 ? entry.call : `${entry.call} ×${entry.count}`,
    entry.namespace ?? '',
    entry.object ?? '',
    entry.status === null ? '' : `${entry.status}${entry.reason === null ? '' : ` ${entry.reason}`}`,
  ])
  const head = ['entry', 'time', 'token', 'kind', 'address', 'call', 'namespace', 'object', 'status']
  return columns([head, ...rows])
}

/** Reads all of the log, and says where its chain is broken first. */
function verifyAudit(options: ConnectOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const start = await client.call('listAudit', { query: { limit: 1 } })
    if (!start.ok) return sayFailure(start.failure)
    let { begins } = start.value
    const { ends } = start.value
    const check = new ChainCheck(ends)
    const take = (page: AuditList) => {
      begins = page.begins
      for (const entry of page.items) check.add(entry)
    }
    const read = await readPages(client, { after: String(ends.number + 1) }, () => longestPage, take)
    if (!read.ok) return sayFailure(read.failure)
    const { checked, breaks, broken } = check.finish(begins)
    if (options.json) printJson({ checked, last: ends.number, breaks, broken: broken ?? null })
    else if (broken === undefined)
      print(`${counted(checked, 'entry', 'entries')}, up to ${ends.number}: the chain is whole\n`)
    if (broken === undefined) return exitStatus.ok
    const more = breaks === 1 ? '' : `; ${breaks} breaks in all, of which this is the oldest`
    sayError(`runner: the chain of the audit log is broken: ${broken.detail}${more}\n`)
    return exitStatus.chainBroken
  })
}

const list = defineServerCommand({
  description: 'list the changes on the server and their authors, the latest first',
  options: listOptions,
  statuses: `${statusNotes} \`--json\` has what was changed, before and after.`,
  examples: [
    'runner audit list --since 1d',
    'runner audit list --object nightly --json',
    'runner audit list --call login',
  ],
  action: (options, _, env) => listAudit(options, env),
})

const verify = defineServerCommand({
  description: 'check the chain of the audit log: nothing was changed or removed in it',
  options: command => command,
  statuses: `Exit status: 0 the chain is whole; 1 an entry is missing, or is not what was written; 64 usage;
69 the server cannot be reached; 77 it refuses; 78 no token or no usable configuration.`,
  examples: ['runner audit verify'],
  action: (options, _, env) => verifyAudit(options, env),
})

export const command = defineGroup({
  description: 'show the changes on the server and their authors, and check that the record is whole',
  own: 'list',
  commands: { list, verify },
})
