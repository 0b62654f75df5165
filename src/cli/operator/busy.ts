import { exitStatus } from '../../exit-status.ts'
import { busyText } from '../../report/executions.ts'
import type { NewCommand, OptionsOf } from '../define-command.ts'
import { type ConnectOptions, defineServerCommand, sayFailure, withClient } from './connect.ts'
import { printList, watching, watchOption } from './list-executions.ts'
import { inNamespace, narrowOption } from './namespace.ts'

const options = (command: NewCommand) => command.option(...watchOption).option(...narrowOption)

type Options = ConnectOptions & OptionsOf<typeof options>

/** Prints the executions that run now; with `watch` again and again. */
function busy(options: Options, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, client =>
    watching(options.watch, async () => {
      const running = await client.call('busy', { query: inNamespace(options.namespace) })
      if (!running.ok) return sayFailure(running.failure)
      printList(running.value, busyText, options)
      return exitStatus.ok
    }),
  )
}

export const command = defineServerCommand({
  description: 'the earlier name of `runner ps`, which shows those that wait, too',
  options,
  examples: ['runner busy --watch'],
  action: (options, _, env) => busy(options, env),
})
