import { exitStatus } from '../../exit-status.ts'
import type { Notification, NotifyTarget } from '../../protocol/messages/notifications.ts'
import { noticeStates } from '../../protocol/states.ts'
import { columns } from '../../report/columns.ts'
import { localTime } from '../../report/local-time.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { defined } from '../../result.ts'
import { defineGroup, type NewCommand, type OptionsOf } from '../define-command.ts'
import { type ConnectOptions, defineServerCommand, sayFailure, statusNotes, withClient } from './connect.ts'
import { inNamespace, narrowOption } from './namespace.ts'
import { limitOption } from './options.ts'
import { collectPages } from './pages.ts'

const listOptions = (command: NewCommand) =>
  command
    .addOption(command.createOption('--state <word>', 'only those in this state').choices([...noticeStates]))
    .option('--to <target>', 'only those to this target')
    .option(...narrowOption)
    .addOption(limitOption(command, 100_000))

type ListOptions = ConnectOptions & OptionsOf<typeof listOptions>

function listNotifications(options: ListOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const { state, to, namespace, limit } = options
    const filter = { ...defined({ state, to }), ...inNamespace(namespace) }
    const found = await collectPages(
      page => client.call('listNotifications', { query: { ...filter, ...page } }),
      limit,
    )
    if (!found.ok) return sayFailure(found.failure)
    if (options.json) printJson(found.value)
    else print(notificationsText(found.value))
    return exitStatus.ok
  })
}

function notificationsText(all: readonly Notification[]): string {
  if (all.length === 0) return 'no notifications\n'
  const rows = all.map(one => [
    localTime(one.created_at),
    one.to,
    one.event,
    one.job_name ?? one.execution_id ?? '',
    one.state,
    String(one.tries),
    one.problem ?? one.error ?? '',
  ])
  return columns([['time', 'to', 'event', 'job', 'state', 'tries', 'problem'], ...rows])
}

function listTargets(
  options: ConnectOptions & { namespace?: string },
  env: NodeJS.ProcessEnv,
): Promise<number> {
  return withClient(options, env, async client => {
    const query = inNamespace(options.namespace)
    const found = await collectPages(page =>
      client.call('listNotifyTargets', { query: { ...query, ...page } }),
    )
    if (!found.ok) return sayFailure(found.failure)
    if (options.json) printJson(found.value)
    else print(targetsText(found.value))
    return exitStatus.ok
  })
}

function targetsText(targets: readonly NotifyTarget[]): string {
  if (targets.length === 0)
    return 'no targets: the configuration of the server has no section [notify.NAME]\n'
  const rows = targets.map(({ name, type, namespaces }) => [name, type, namespaces?.join(', ') ?? 'all'])
  return columns([['target', 'type', 'namespaces'], ...rows])
}

function testTarget(options: ConnectOptions, name: string, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const tested = await client.call('testNotify', { params: { name } })
    if (!tested.ok) return sayFailure(tested.failure)
    const { sent, error, type, seconds } = tested.value
    const status = sent ? exitStatus.ok : exitStatus.unwell
    if (options.json) printJson(tested.value)
    else if (!sent) sayError(`runner: the test message was not taken: ${error}\n`)
    else if (!options.quiet) {
      const remark = error === null ? '' : `; ${error}`
      sayError(`runner: the ${type} ${name} has taken the test message after ${seconds} s${remark}\n`)
    }
    return status
  })
}

const list = defineServerCommand({
  description: 'list notifications that wait, have failed or were sent, the latest first',
  options: listOptions,
  statuses: `${statusNotes} \`--json\` has what they say.`,
  examples: ['runner notify list --state failed', 'runner notify list --to ops --json'],
  action: (options, _, env) => listNotifications(options, env),
})

const targets = defineServerCommand({
  description: 'list the targets that jobs can name to be told about',
  options: command => command.option(...narrowOption),
  examples: ['runner notify targets'],
  action: (options, _, env) => listTargets(options, env),
})

const test = defineServerCommand({
  description: 'send a test message to a target, and say how that went',
  options: command => command.argument('<target>'),
  statuses: `Exit status: 0 the target has taken it; 1 it has not; 7 there is no such target; 64 usage; 69 the
server cannot be reached; 77 it refuses; 78 no token or no usable configuration.`,
  examples: ['runner notify test ops'],
  action: (options, [name], env) => testTarget(options, name, env),
})

export const command = defineGroup({
  description: 'notifications about jobs, and the targets to which they go',
  own: 'list',
  commands: { list, targets, test },
})
