import { exitStatus } from '../../exit-status.ts'
import { backupBounds, parseWithin } from '../../protocol/json-bounds.ts'
import { printJson, sayError } from '../../report/say.ts'
import { type ConnectOptions, defineServerCommand, refuseUsage, sayFailure, withClient } from './connect.ts'
import { readText } from './definition.ts'
import { inNamespace } from './namespace.ts'

/** Defines all jobs of a backup, or none, and says which definition is wrong. */
async function restore(
  options: ConnectOptions & { namespace?: string | undefined },
  file: string,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const text = readText(file)
  if (!text.ok) return refuseUsage(`${text.failure}; name a file that \`runner backup\` has written`)
  const read = parseWithin(Buffer.from(text.value), backupBounds)
  if (!read.ok)
    return refuseUsage(
      `${file} is not a backup: it ${read.failure.detail}; name a file that \`runner backup\` has written`,
    )
  const body = read.value
  return withClient(options, env, async client => {
    const restored = await client.call('restore', { query: inNamespace(options.namespace), body })
    if (!restored.ok) return sayFailure(restored.failure)
    if (options.json) printJson(restored.value)
    else if (!options.quiet) sayError(`runner: ${jobCount(restored.value.restored)} restored\n`)
    return exitStatus.ok
  })
}

const jobCount = (number: number) => (number === 1 ? '1 job is' : `${number} jobs are`)

export const command = defineServerCommand({
  description: 'define the jobs of a backup: all of them, or none; - is standard input',
  options: command =>
    command
      .argument('<file>')
      .option(
        '--namespace <namespace>',
        'namespace of the jobs that name none (default: as for `runner job put`)',
      ),
  examples: ['runner restore jobs.json'],
  action: (options, [file], env) => restore(options, file, env),
})
