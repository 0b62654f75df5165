import type { Client } from '../../protocol/client/client.ts'
import type { ClientFailure } from '../../protocol/client/client-failure.ts'
import type { ListedExecution } from '../../protocol/messages/executions.ts'
import { fail, ok, type Result } from '../../result.ts'

const shape = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** The beginning of an id, of at least 8 digits. */
const beginning = /^[0-9a-f]{8}(-[0-9a-f-]{0,27})?$/
const latest = '@latest'
/** Executions that a message names which a beginning fits. */
const mostNamed = 5

export const isId = (text: string): boolean => shape.test(text)

/** The word for the latest execution of a job. */
export const latestOf = (job: string): string => `${job}${latest}`

/** Whether a text can stand for an execution: its id, the beginning of that, or `JOB@latest`. */
export const namesExecution = (text: string): boolean => beginning.test(text) || text.endsWith(latest)

/** The arguments of commands about an execution, in their help. */
export const idNotes =
  'An id may be cut to its first 8 characters or more; JOB@latest is the latest execution of a job.'

/** Finds the id of the execution that a text stands for. */
async function findExecution(client: Client, text: string): Promise<Result<string, ClientFailure>> {
  if (isId(text)) return ok(text)
  if (text.endsWith(latest) && text !== latest) {
    const job_name = text.slice(0, -latest.length)
    const list = await client.call('listExecutions', { query: { job_name, limit: 1 } })
    if (!list.ok) return list
    const [execution] = list.value.items
    return execution === undefined
      ? notFound(`no execution of a job ${job_name} (\`runner job put\` gives a job its name)`)
      : ok(execution.id)
  }
  if (!beginning.test(text))
    return notFound(`no execution ${text}: it goes by 8 characters of its id or more, or by JOB@latest`)
  const list = await client.call('listExecutions', { query: { id_prefix: text, limit: mostNamed + 1 } })
  if (!list.ok) return list
  const [found, ...others] = list.value.items
  if (found === undefined) return notFound(`no execution ${text}`)
  if (others.length === 0) return ok(found.id)
  const named = [found, ...others].slice(0, mostNamed).map(nameOf)
  const more = others.length >= mostNamed ? ' and more' : ''
  return ambiguous(`${text} fits several executions: ${named.join(', ')}${more}`)
}

/**
 * The one of these whose id begins with a text of 8 characters or more; undefined where none does. The word
 * for the things is for the message about several.
 */
export function withBeginning<T extends { id: string }>(
  items: readonly T[],
  text: string,
  called: (item: T) => string,
): Result<T | undefined, ClientFailure> {
  const [found, ...others] = beginning.test(text) ? items.filter(({ id }) => id.startsWith(text)) : []
  if (others.length === 0) return ok(found)
  const named = [found!, ...others].slice(0, mostNamed).map(item => `${item.id} (${called(item)})`)
  const more = others.length >= mostNamed ? ' and more' : ''
  return ambiguous(`${text} fits several: ${named.join(', ')}${more}`)
}

const nameOf = ({ id, job_name, image, state }: ListedExecution): string =>
  `${id} (${job_name ?? image}, ${state})`

const ambiguous = (what: string): Result<never, ClientFailure> =>
  fail({ reason: 'malformed', status: 400, message: `${what}; add characters of the id` })

const notFound = (what: string): Result<never, ClientFailure> =>
  fail({
    reason: 'not-found',
    status: 404,
    message: `there is ${what}; \`runner ps --all\` lists executions with their ids`,
  })

/** Makes a call about the execution that a text stands for. */
export async function callExecution<T>(
  client: Client,
  text: string,
  call: (id: string) => Promise<Result<T, ClientFailure>>,
): Promise<Result<T, ClientFailure>> {
  const id = await findExecution(client, text)
  return id.ok ? call(id.value) : id
}
