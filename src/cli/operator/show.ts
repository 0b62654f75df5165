import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { executionText } from '../../report/executions.ts'
import { print, printJson } from '../../report/say.ts'
import { type ConnectOptions, defineServerCommand, sayFailure, withClient } from './connect.ts'
import { callExecution, idNotes } from './ids.ts'

/** Prints all that is known of one execution. */
export function show(options: ConnectOptions, which: string, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const found = await callExecution(client, which, id => client.call('getExecution', { params: { id } }))
    if (!found.ok) return sayFailure(found.failure)
    if (options.json) printJson(found.value)
    else print(executionText(found.value, systemClock.now()))
    return exitStatus.ok
  })
}

export const command = defineServerCommand({
  description: 'show all that is known of one execution',
  options: command => command.argument('<id>'),
  notes: idNotes,
  examples: ['runner show 0199f3c2-81aa', 'runner show nightly@latest --json'],
  action: (options, [id], env) => show(options, id, env),
})
