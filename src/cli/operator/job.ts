import { exitStatus } from '../../exit-status.ts'
import { jobStatsText } from '../../report/job-stats.ts'
import { jobsText } from '../../report/jobs.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { ok } from '../../result.ts'
import { jsonText } from '../../system/printable.ts'
import { defineGroup, definesCommandsWith, type NewCommand, type OptionsOf } from '../define-command.ts'
import {
  type ConnectOptions,
  defineServerCommand,
  refuseUsage,
  sayFailure,
  statusNotes,
  withClient,
} from './connect.ts'
import { definitionOf } from './definition.ts'
import { runNamed, wayOn } from './named-job.ts'
import { inNamespace, namespaceOption, narrowOption, oneJob } from './namespace.ts'
import { addDefinitionOptions } from './options.ts'
import { addScheduleOptions, type ScheduleOptions, withSchedule } from './schedule-options.ts'
import { afterPut, allSchedules, whatComes } from './scheduled-job.ts'
import { serverOptions } from './server-options.ts'
import { makeAndWait, type WaitOptions, waitNotes, waitOption } from './wait.ts'

type NamespaceOptions = ConnectOptions & { namespace?: string | undefined }

const putOptions = (command: NewCommand) =>
  addDefinitionOptions(command)
    .argument('<job>')
    .argument('[command...]')
    .option(...namespaceOption)

/** Defines a job anew, in place of an earlier definition; `words` are the command that it runs. */
async function putJob(
  options: ConnectOptions & ScheduleOptions & OptionsOf<typeof putOptions>,
  name: string,
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const definition = definitionOf(options, words, env)
  if (!definition.ok) return refuseUsage(definition.failure)
  const { job_name: _, ...named } = definition.value
  const scheduled = withSchedule(named, options)
  if (!scheduled.ok) return refuseUsage(scheduled.failure)
  const body = scheduled.value
  const query = inNamespace(options.namespace ?? body.namespace)
  if (body.name !== undefined && body.name !== name)
    return refuseUsage(`the definition is that of ${body.name}, not of ${name}`)
  return withClient(options, env, async client => {
    const put = await client.call('putJob', { params: { name }, query, body: { ...body, ...query, name } })
    if (!put.ok) return sayFailure(await afterPut(client, body, put.failure))
    if (options.json) printJson(put.value)
    else if (!options.quiet)
      sayError(`runner: job ${name} is defined; ${await whatComes(client, put.value)}\n`)
    return exitStatus.ok
  })
}

function listJobs(options: NamespaceOptions, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const query = inNamespace(options.namespace)
    const jobs = await client.call('listJobs', { query })
    if (!jobs.ok) return sayFailure(jobs.failure)
    if (options.json) {
      printJson(jobs.value)
      return exitStatus.ok
    }
    // A server of a release without schedules has no such job.
    const scheduled = jobs.value.some(({ schedule }) => schedule != null)
    const schedules = scheduled ? await allSchedules(client, query) : ok([])
    if (!schedules.ok) return sayFailure(schedules.failure)
    print(jobsText(jobs.value, schedules.value))
    return exitStatus.ok
  })
}

/** Prints a definition as JSON, secrets sealed, as `job put --file` takes it. */
function showJob(options: NamespaceOptions, name: string, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const job = await client.call('getJob', { params: { name }, query: inNamespace(options.namespace) })
    if (!job.ok) return sayFailure(await wayOn(client, name, options.namespace, job.failure))
    if (options.json) printJson(job.value)
    else print(`${jsonText(job.value, 2)}\n`)
    return exitStatus.ok
  })
}

/** Prints how the latest runs of a job have ended. */
function showStats(options: NamespaceOptions, name: string, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const stats = await client.call('jobStats', { params: { name }, query: inNamespace(options.namespace) })
    if (!stats.ok) return sayFailure(await wayOn(client, name, options.namespace, stats.failure))
    if (options.json) printJson(stats.value)
    else print(jobStatsText(stats.value))
    return exitStatus.ok
  })
}

function deleteJob(options: NamespaceOptions, name: string, env: NodeJS.ProcessEnv): Promise<number> {
  return withClient(options, env, async client => {
    const deleted = await client.call('deleteJob', {
      params: { name },
      query: inNamespace(options.namespace),
    })
    if (!deleted.ok) return sayFailure(await wayOn(client, name, options.namespace, deleted.failure))
    if (options.json) printJson({ deleted: name })
    else if (!options.quiet) sayError(`runner: job ${name} is deleted; its executions stay\n`)
    return exitStatus.ok
  })
}

function runJob(
  options: WaitOptions & NamespaceOptions,
  name: string,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  return withClient(options, env, client =>
    makeAndWait(client, options, key => runNamed(client, name, options.namespace, key)),
  )
}

const defineScheduledCommand = definesCommandsWith(command => serverOptions(addScheduleOptions(command)))

const put = defineScheduledCommand({
  description: 'define a job, in place of an earlier definition; the command follows --',
  options: putOptions,
  runsWords: true,
  notes: `\`runner help schedules\` has the patterns of --cron.

${statusNotes}`,
  examples: [
    'runner job put hello --image busybox -- echo hello',
    'runner job put hello --namespace team-a --file job.json',
    'runner job put sync --image busybox --concurrency queue --retries 3 --retry-backoff 2 -- sync-all',
    "runner job put nightly --image builder:7 --cron '30 2 * * *' --time-zone Europe/Berlin -- make dist",
    'runner job put deploy --image deploy:3 --type acme.Deploy --input to=test --secret password=@pw',
  ],
  action: (options, [name, words], env) => putJob(options, name, words, env),
})

const list = defineServerCommand({
  description: 'list the jobs, with their schedules and next times',
  options: command => command.option(...narrowOption),
  examples: ['runner job list', "runner job list --json | jq '.[].image'"],
  action: (options, _, env) => listJobs(options, env),
})

const show = defineServerCommand({
  description: 'print a definition, secrets sealed',
  options: oneJob,
  examples: ['runner job show hello > job.json'],
  action: (options, [name], env) => showJob(options, name, env),
})

const stats = defineServerCommand({
  description: 'show how the latest runs of a job have ended, and how long they usually take',
  options: oneJob,
  examples: ['runner job stats nightly', "runner job stats nightly --json | jq '.success_rate'"],
  action: (options, [name], env) => showStats(options, name, env),
})

const remove = defineServerCommand({
  description: 'remove a definition; its executions stay',
  options: oneJob,
  examples: ['runner job delete hello'],
  action: (options, [name], env) => deleteJob(options, name, env),
})

const run = defineServerCommand({
  description: 'run a job',
  options: command => oneJob(command).option(...waitOption),
  statuses: waitNotes,
  examples: ['runner job run hello --wait'],
  action: (options, [name], env) => runJob(options, name, env),
})

export const command = defineGroup({
  description: 'define jobs, show them, run them',
  own: 'list',
  commands: { put, list, show, stats, delete: remove, run },
})
