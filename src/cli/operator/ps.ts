import { exitStatus } from '../../exit-status.ts'
import type { Client } from '../../protocol/client/client.ts'
import { activeText, executionsText } from '../../report/executions.ts'
import { sayError } from '../../report/say.ts'
import { ok } from '../../result.ts'
import type { NewCommand, OptionsOf } from '../define-command.ts'
import { type ConnectOptions, defineServerCommand, sayFailure, withClient } from './connect.ts'
import { findRunner } from './find-runner.ts'
import {
  jobOption,
  listExecutions,
  printList,
  stateOption,
  watching,
  watchOption,
} from './list-executions.ts'
import { narrowOption } from './namespace.ts'
import { activeStates, limitOption, parseTime } from './options.ts'

const options = (command: NewCommand) =>
  command
    .option('-a, --all', 'also those that have ended, the latest first', false)
    .option(
      '--since <time>',
      'only those made from this time on; 12h: 12 hours ago; asks for --all',
      parseTime,
    )
    .option('--until <time>', 'only those made before this time; asks for --all', parseTime)
    .option(...stateOption)
    .option(...jobOption)
    .option('--node <node>', 'only those of this node, by its name or its id')
    .option('--series <id>', 'only the attempts of this series of retries')
    .option(...narrowOption)
    .option(...watchOption)
    .addOption(limitOption(command, 100_000))

type Options = ConnectOptions & OptionsOf<typeof options>

/** Prints the executions that run or wait, or all of them; with `watch` again and again. */
function ps(options: Options, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, client => watching(options.watch, () => look(client, options)))
}

async function look(client: Client, options: Options): Promise<number> {
  const { since, until, job, series, limit } = options
  const all = options.all || options.state !== undefined || since !== undefined || until !== undefined
  const node = options.node === undefined ? ok(undefined) : await findRunner(client, options.node)
  if (!node.ok) return sayFailure(node.failure)
  const state = all ? options.state : activeStates
  const filter = { state, since, until, job_name: job, runner_id: node.value?.id, group: series }
  const list = await listExecutions(client, filter, options)
  if (!list.ok) return sayFailure(list.failure)
  printList(list.value, all ? executionsText : activeText, options)
  if (list.value.length === limit && !options.quiet && !options.json)
    sayError(`runner: these are the latest ${limit}; --limit lists more\n`)
  return exitStatus.ok
}

export const command = defineServerCommand({
  description: 'list the executions that run or wait; with --all those that have ended, too',
  options,
  examples: [
    'runner ps --watch',
    'runner ps --all --since 1d --state failed,lost',
    'runner ps --all --job nightly --node build-3 --limit 5',
  ],
  action: (options, _, env) => ps(options, env),
})
