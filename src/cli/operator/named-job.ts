import type { Client } from '../../protocol/client/client.ts'
import type { ClientFailure } from '../../protocol/client/client-failure.ts'
import type { Execution } from '../../protocol/messages/executions.ts'
import type { Result } from '../../result.ts'
import { fail } from '../../result.ts'
import { shellQuote } from '../../system/shell-quote.ts'
import { guessOf } from '../guess.ts'
import { inNamespace } from './namespace.ts'

/**
 * The ways on from a job that is not there: the name that may have been meant, how to define it, and the
 * list.
 */
export async function wayOn(
  client: Client,
  name: string,
  namespace: string | undefined,
  failure: ClientFailure,
): Promise<ClientFailure> {
  if (failure.reason !== 'not-found') return failure
  const jobs = await client.call('listJobs', { query: inNamespace(namespace) })
  const guess = jobs.ok
    ? guessOf(
        name,
        jobs.value.map(job => job.name),
      )
    : undefined
  const meant = guess === undefined ? '' : `; did you mean ${guess}?`
  const how =
    '`runner job list` shows the jobs, ' +
    `and \`runner job put ${shellQuote(name)} --image IMAGE -- COMMAND\` defines this one`
  return { ...failure, message: `${failure.message}${meant}${meant === '' ? ';' : ''} ${how}` }
}

/** Makes an execution of a job that is defined. */
export async function runNamed(
  client: Client,
  name: string,
  namespace: string | undefined,
  idempotencyKey: string,
): Promise<Result<Execution, ClientFailure>> {
  const query = inNamespace(namespace)
  const made = await client.call('runJob', { params: { name }, query, idempotencyKey })
  return made.ok ? made : fail(await wayOn(client, name, namespace, made.failure))
}
