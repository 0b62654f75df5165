import { exitStatus } from '../../exit-status.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { errorText } from '../../result.ts'
import { escaped, jsonText } from '../../system/printable.ts'
import { replaceFile } from '../../system/replace-file.ts'
import { type ConnectOptions, defineServerCommand, sayFailure, withClient } from './connect.ts'
import { inNamespace, narrowOption } from './namespace.ts'

/**
 * Writes the definitions of all jobs, their secrets sealed under the server's key, into a file, or to
 * standard output where none is named.
 */
function backup(
  options: ConnectOptions & { namespace?: string | undefined },
  file: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  return withClient(options, env, async client => {
    const jobs = await client.call('listJobs', { query: inNamespace(options.namespace) })
    if (!jobs.ok) return sayFailure(jobs.failure)
    for (const { name, problem } of jobs.value)
      if (problem !== undefined)
        sayError(
          `runner: job ${escaped(`${name}: ${problem}`)}; ` +
            'a restore refuses its entry, so take that out first\n',
        )
    const text = `${jsonText(jobs.value, options.json ? 0 : 2)}\n`
    if (file === undefined || file === '-') {
      print(text)
      return exitStatus.ok
    }
    try {
      await replaceFile(file, text, { mode: 0o600 })
    } catch (error) {
      sayError(
        `runner: ${file} cannot be written: ${errorText(error)}; ` +
          `name a file in a directory that is there and yours\n`,
      )
      return exitStatus.unavailable
    }
    const { length } = jobs.value
    if (options.json) printJson({ file, jobs: length })
    else if (!options.quiet)
      sayError(`runner: ${length === 1 ? '1 job is' : `${length} jobs are`} in ${file}\n`)
    return exitStatus.ok
  })
}

export const command = defineServerCommand({
  description: 'write the definitions of all jobs, secrets sealed',
  options: command => command.argument('[file]').option(...narrowOption),
  notes:
    'The secrets can be opened by the key of this server alone; ' +
    '`runner server backup` copies the whole store and its key.',
  examples: ['runner backup jobs.json', "runner backup | jq '.[].name'"],
  action: (options, [file], env) => backup(options, file, env),
})
