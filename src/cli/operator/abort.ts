import { exitStatus } from '../../exit-status.ts'
import type { Execution } from '../../protocol/messages/executions.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { type ConnectOptions, defineServerCommand, sayFailure, withClient } from './connect.ts'
import { callExecution, idNotes } from './ids.ts'

/** Asks for the end of each execution; resolves to the status of the first one that the server refuses. */
function abort(options: ConnectOptions, ids: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    let status: number = exitStatus.ok
    const aborted: Execution[] = []
    for (const id of ids) {
      const result = await callExecution(client, id, id => client.call('abort', { params: { id } }))
      if (result.ok) {
        aborted.push(result.value)
        continue
      }
      const refused = sayFailure(result.failure, ids.length > 1 ? id : undefined)
      status ||= refused
    }
    if (options.json) printJson(aborted)
    else for (const execution of aborted) print(`${execution.id} ${execution.state}\n`)
    if (!options.json && !options.quiet && aborted.some(({ state }) => state === 'aborting'))
      sayError(
        'runner: executions in state aborting have been asked to end; that takes the abort timeout at most\n',
      )
    return status
  })
}

export const command = defineServerCommand({
  description: 'abort executions',
  options: command => command.argument('<ids...>'),
  notes: idNotes,
  examples: ['runner abort 0199f3c2-81aa', 'runner abort nightly@latest'],
  action: (options, [ids], env) => abort(options, ids, env),
})
