import { defined } from '../../result.ts'
import type { NewCommand, OptionsOf } from '../define-command.ts'
import { type ConnectOptions, defineServerCommand, refuseUsage, withClient } from './connect.ts'
import { definitionOf } from './definition.ts'
import { runNamed } from './named-job.ts'
import { inNamespace, namespaceOption } from './namespace.ts'
import { addDefinitionOptions } from './options.ts'
import { refuseScheduleOptions } from './schedule-options.ts'
import { makeAndWait, waitNotes, waitOption } from './wait.ts'

const options = (command: NewCommand) =>
  addDefinitionOptions(
    command
      .argument('[words...]')
      .option(...waitOption)
      .option(...namespaceOption)
      .option('--name <job>', 'name of the job that the execution counts as'),
  )

type Options = ConnectOptions & OptionsOf<typeof options>

/** Runs a job, or a definition that need not have a name; `words` are that job, or the command to run. */
async function submit(options: Options, words: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  if (options.image === undefined && options.file === undefined) {
    const [job, ...more] = words
    if (job === undefined || more.length > 0)
      return refuseUsage('say which job: its name; or --image, or --file with a definition')
    const { type, input, inputJson, secret, output, secretOutput, env: variables } = options
    const given = [input, inputJson, secret, output, secretOutput, variables]
    if (type !== undefined || given.some(texts => texts.length > 0))
      return refuseUsage(`job ${job} runs as it is defined; \`runner job put\` changes that`)
    return withClient(options, env, client =>
      makeAndWait(client, options, key => runNamed(client, job, options.namespace, key)),
    )
  }
  const definition = definitionOf(options, words, env)
  if (!definition.ok) return refuseUsage(definition.failure)
  // A submit runs once, and now: a schedule in the file is that of the job.
  const { name, namespace, schedule: _, blackouts: __, ...rest } = definition.value
  const query = inNamespace(options.namespace ?? namespace)
  const job_name = options.name ?? rest.job_name ?? name
  const body = { ...rest, ...defined({ job_name }) }
  return withClient(options, env, client =>
    makeAndWait(client, options, idempotencyKey => client.call('submit', { query, body, idempotencyKey })),
  )
}

export const command = defineServerCommand({
  description: 'run a job by its name, a command in an image, or a plugin',
  options: command => refuseScheduleOptions(options(command)),
  runsWords: true,
  notes: `A secret is never written on the command line: \`--secret key=@FILE\`, \`key=-\` (standard input) or
\`key=env:NAME\`. \`--input n=30\` is the text 30, \`--input-json n=30\` the number. With --wait the first
Ctrl-C ends the wait; the execution continues, and \`runner abort\` ends it.`,
  statuses: waitNotes,
  examples: [
    'runner submit hello --wait                                    a job that is defined',
    'runner submit --image busybox --wait -- echo hello            a command in an image',
    'runner submit --image acme --type acme.Deploy --input to=test --secret password=@pw',
    'runner submit --image acme --type acme.Deploy --input-json count=3 ' +
      '--output url --secret-output token --wait',
    'runner submit --file job.json',
  ],
  action: (options, [words], env) => submit(options, words, env),
})
