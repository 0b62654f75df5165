import { defineServerCommand, withClient } from './connect.ts'
import { callExecution, idNotes } from './ids.ts'
import { makeAndWait, type WaitOptions, waitNotes, waitOption } from './wait.ts'

/** Makes a new execution of the definition that an earlier one had. */
function rerun(options: WaitOptions, id: string, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, client =>
    makeAndWait(client, options, idempotencyKey =>
      callExecution(client, id, id => client.call('rerun', { params: { id }, idempotencyKey })),
    ),
  )
}

export const command = defineServerCommand({
  description: 'run the definition of an execution again, as it was then',
  options: command => command.argument('<id>').option(...waitOption),
  notes: idNotes,
  statuses: waitNotes,
  examples: ['runner rerun 0199f3c2-81aa --wait', 'runner rerun nightly@latest'],
  action: (options, [id], env) => rerun(options, id, env),
})
