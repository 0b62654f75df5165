import { exitStatus } from '../../exit-status.ts'
import { jsonText } from '../../process/printable.ts'
import type { Job } from '../../protocol/messages.ts'
import { columns } from '../../report/columns.ts'
import { print, sayError } from '../say.ts'
import { type ConnectOptions, printJson, sayFailure, tableWidth, withClient } from './connect.ts'
import { type DefinitionOptions, definitionOf } from './definition.ts'
import { makeAndWait, type WaitOptions } from './wait.ts'

export interface JobPutOptions extends ConnectOptions, DefinitionOptions {
  name: string
  /** The command to run. */
  words: string[]
  concurrency?: 'allow' | 'forbid'
}

/** `runner job put`: defines a job, whatever it was before. */
export async function jobPutCommand(options: JobPutOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const definition = definitionOf(options, options.words, env)
  if (!definition.ok) return refuse(definition.failure)
  const { job_name: _, ...body } = definition.value
  const { name } = options
  if (body.name !== undefined && body.name !== name)
    return refuse(`the definition is that of ${body.name}, not of ${name}`)
  if (options.concurrency !== undefined) body.concurrency = options.concurrency
  return withClient(options, env, async client => {
    const put = await client.call('putJob', { params: { name }, body: { ...body, name } })
    if (!put.ok) return sayFailure(put.failure)
    if (options.json) printJson(put.value)
    else if (!options.quiet) sayError(`runner: job ${name} is defined; \`runner job run ${name}\` runs it\n`)
    return exitStatus.ok
  })
}

/** `runner job list`. */
export function jobListCommand(options: ConnectOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const jobs = await client.call('listJobs', {})
    if (!jobs.ok) return sayFailure(jobs.failure)
    if (options.json) printJson(jobs.value)
    else print(jobsText(jobs.value))
    return exitStatus.ok
  })
}

function jobsText(jobs: readonly Job[]): string {
  if (jobs.length === 0) return 'no jobs\n'
  const rows = jobs.map(({ name, image, runner_group, priority, retries, input, command, args }) => [
    name,
    input === undefined ? (command ?? args ?? []).join(' ') : input.task.type,
    image,
    runner_group ?? 'default',
    String(priority ?? 0),
    String(retries ?? 0),
  ])
  return columns([['job', 'runs', 'image', 'group', 'priority', 'retries'], ...rows], tableWidth())
}

export interface JobOptions extends ConnectOptions {
  name: string
}

/** `runner job show`: the definition as JSON, secrets sealed, as `job put --file` takes it. */
export function jobShowCommand(options: JobOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const job = await client.call('getJob', { params: { name: options.name } })
    if (!job.ok) return sayFailure(job.failure)
    if (options.json) printJson(job.value)
    else print(`${jsonText(job.value, 2)}\n`)
    return exitStatus.ok
  })
}

/** `runner job delete`. */
export function jobDeleteCommand(options: JobOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const deleted = await client.call('deleteJob', { params: { name: options.name } })
    if (!deleted.ok) return sayFailure(deleted.failure)
    if (options.json) printJson({ deleted: options.name })
    return exitStatus.ok
  })
}

/** `runner job run`. */
export function jobRunCommand(options: JobOptions & WaitOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, client =>
    makeAndWait(client, options, idempotencyKey =>
      client.call('runJob', { params: { name: options.name }, idempotencyKey }),
    ),
  )
}

function refuse(message: string): number {
  sayError(`runner: ${message}\n`)
  return exitStatus.usage
}
