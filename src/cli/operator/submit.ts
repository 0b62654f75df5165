import { exitStatus } from '../../exit-status.ts'
import { sayError } from '../say.ts'
import { withClient } from './connect.ts'
import { type DefinitionOptions, definitionOf } from './definition.ts'
import { makeAndWait, type WaitOptions } from './wait.ts'

export interface SubmitCommandOptions extends WaitOptions, DefinitionOptions {
  /** The name of a job, or the command to run. */
  words: string[]
  name?: string
}

/** `runner submit`: runs a job, or a definition that need not have a name. */
export async function submitCommand(options: SubmitCommandOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const { words } = options
  if (options.image === undefined && options.file === undefined) {
    const [job, ...more] = words
    if (job === undefined || more.length > 0)
      return refuse('say which job: its name; or --image, or --file with a definition')
    const { type, input, inputJson, secret, output, secretOutput, env: variables } = options
    const given = [input, inputJson, secret, output, secretOutput, variables]
    if (type !== undefined || given.some(texts => texts.length > 0))
      return refuse(`job ${job} runs as it is defined; \`runner job put\` changes that`)
    return withClient(options, env, client =>
      makeAndWait(client, options, idempotencyKey =>
        client.call('runJob', { params: { name: job }, idempotencyKey }),
      ),
    )
  }
  const definition = definitionOf(options, words, env)
  if (!definition.ok) return refuse(definition.failure)
  const { name, ...rest } = definition.value
  const job_name = options.name ?? rest.job_name ?? name
  const body = { ...rest, ...(job_name === undefined ? {} : { job_name }) }
  return withClient(options, env, client =>
    makeAndWait(client, options, idempotencyKey => client.call('submit', { body, idempotencyKey })),
  )
}

function refuse(message: string): number {
  sayError(`runner: ${message}\n`)
  return exitStatus.usage
}
