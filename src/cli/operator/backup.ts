import { exitStatus } from '../../exit-status.ts'
import { replaceFile } from '../../process/durable-file.ts'
import { escaped, jsonText } from '../../process/printable.ts'
import { backupBounds, parseWithin } from '../../protocol/json-bounds.ts'
import { errorText } from '../../result.ts'
import { print, sayError } from '../say.ts'
import { type ConnectOptions, printJson, sayFailure, withClient } from './connect.ts'
import { readText } from './definition.ts'

export interface BackupOptions extends ConnectOptions {
  /** Standard output without it. */
  file?: string
}

/** `runner backup`: the definitions of all jobs, their secrets sealed under the server's key. */
export function backupCommand(options: BackupOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const jobs = await client.call('listJobs', {})
    if (!jobs.ok) return sayFailure(jobs.failure)
    for (const { name, problem } of jobs.value)
      if (problem !== undefined)
        sayError(
          `runner: job ${escaped(`${name}: ${problem}`)}; a restore refuses its entry, so take that out first\n`,
        )
    const text = `${jsonText(jobs.value, options.json ? 0 : 2)}\n`
    const { file } = options
    if (file === undefined || file === '-') {
      print(text)
      return exitStatus.ok
    }
    try {
      await replaceFile(file, text, { mode: 0o600 })
    } catch (error) {
      sayError(`runner: ${file} cannot be written: ${errorText(error)}\n`)
      return exitStatus.unavailable
    }
    if (!options.quiet) sayError(`runner: ${jobs.value.length} jobs are in ${file}\n`)
    return exitStatus.ok
  })
}

export interface RestoreOptions extends ConnectOptions {
  file: string
}

/** `runner restore`: all definitions of a backup, or none and which one was wrong. */
export async function restoreCommand(options: RestoreOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const text = readText(options.file)
  if (!text.ok) return refuse(text.failure)
  const read = parseWithin(Buffer.from(text.value), backupBounds)
  if (!read.ok) return refuse(`${options.file} is no backup: it ${read.failure.detail}`)
  const body = read.value
  return withClient(options, env, async client => {
    const restored = await client.call('restore', { body })
    if (!restored.ok) return sayFailure(restored.failure)
    if (options.json) printJson(restored.value)
    else if (!options.quiet) sayError(`runner: ${restored.value.restored} jobs are restored\n`)
    return exitStatus.ok
  })
}

function refuse(message: string): number {
  sayError(`runner: ${message}\n`)
  return exitStatus.usage
}
