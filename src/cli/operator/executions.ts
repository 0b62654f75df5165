import { exitStatus } from '../../exit-status.ts'
import { executionsText } from '../../report/executions.ts'
import type { NewCommand, OptionsOf } from '../define-command.ts'
import { type ConnectOptions, defineServerCommand, sayFailure, withClient } from './connect.ts'
import { jobOption, listExecutions, printList, stateOption } from './list-executions.ts'
import { narrowOption } from './namespace.ts'
import { limitOption } from './options.ts'
import { show } from './show.ts'

const options = (command: NewCommand) =>
  command
    .argument('[id]')
    .option(...stateOption)
    .option(...jobOption)
    .option('--runner <id>', 'only those of this runner')
    .option('--group <id>', 'only the attempts of this series of retries')
    .option(...narrowOption)
    .addOption(limitOption(command, 100_000))

type Options = ConnectOptions & OptionsOf<typeof options>

/** Prints a list of executions, the latest first. */
function executions(options: Options, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const { state, job, runner, group } = options
    const filter = { state, job_name: job, runner_id: runner, group }
    const list = await listExecutions(client, filter, options)
    if (!list.ok) return sayFailure(list.failure)
    printList(list.value, executionsText, options)
    return exitStatus.ok
  })
}

export const command = defineServerCommand({
  description: 'the earlier name of `runner ps --all` and `runner show`',
  options,
  examples: ['runner executions --state queued,running', 'runner show 0199f3c2-81aa'],
  action: (options, [id], env) => (id === undefined ? executions(options, env) : show(options, id, env)),
})
