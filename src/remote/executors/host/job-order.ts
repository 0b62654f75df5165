import { constants } from 'node:os'
import { join } from 'node:path'
import { defined, fail, ok, type Result } from '../../../result.ts'
import type { ExecutorJob, Failure } from '../executor.ts'
import type { HostOrder } from './job-directory.ts'

/** The PATH of a job, unless the job sets its own. */
const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** The numbers of the first and the last real-time signal on Linux with glibc. */
const realTime = { MIN: 34, MAX: 64 }

/** The order for a job whose own directory is `files`. */
export function orderOf(
  job: ExecutorJob,
  { nonce, unit, user, files }: Pick<HostOrder, 'nonce' | 'unit' | 'user'> & { files: string },
): Result<HostOrder, Failure> {
  const invalid = (message: string) =>
    fail({ reason: 'job-invalid' as const, message, retry: 'never' as const })
  const [program, ...args] = job.command ?? job.args ?? []
  if (program === undefined || program === '')
    return fail({ reason: 'no-command', message: 'a job on a host needs a command', retry: 'never' })
  const env = {
    PATH: path,
    HOME: files,
    ...job.env,
    ...job.secretEnv,
    ...(job.plugin === undefined ? {} : pluginVariables(job.plugin, files)),
  }
  if ([program, ...args, ...Object.entries(env).flat()].some(text => text.includes('\0')))
    return invalid('a word or a variable has a NUL byte in it')
  const signal = signalNumber(job.signal ?? 'SIGTERM')
  if (signal === undefined) return invalid(`its abort_signal ${job.signal} is not a signal; SIGTERM is one`)
  const { limit, grace } = job
  return ok({
    format: 1,
    nonce,
    words: [program, ...args],
    env,
    limit,
    grace,
    signal,
    ...defined({ user, unit }),
  })
}

function pluginVariables(
  { sessionKey, releaseUrl }: NonNullable<ExecutorJob['plugin']>,
  files: string,
): Record<string, string> {
  return {
    INPUT_LOCATION: join(files, 'input'),
    OUTPUT_LOCATION: join(files, 'output'),
    SESSION_KEY: sessionKey,
    RELEASE_URL: releaseUrl,
  }
}

/**
 * The number of a signal as kill(1) takes it: `SIGTERM`, `TERM`, `15`, `RTMIN+3`; undefined if there is no
 * such signal.
 */
export function signalNumber(text: string): number | undefined {
  const name = text.replace(/^SIG/, '')
  const known = Object.entries(constants.signals).find(([key]) => key === `SIG${name}`)
  if (known !== undefined) return known[1]
  const [, edge, offset = '0'] = name.match(/^RTM(IN|AX)([+-]\d{1,2})?$/) ?? []
  const number =
    edge === undefined
      ? Number(/^\d{1,2}$/.test(name) ? name : 0)
      : realTime[`M${edge as 'IN' | 'AX'}`] + Number(offset)
  return number >= 1 && number <= realTime.MAX ? number : undefined
}
