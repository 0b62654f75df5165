import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import type { Client } from '../../protocol/client/client.ts'
import type { ClientFailure } from '../../protocol/client/client-failure.ts'
import type { Missed, Paused, ScheduleView } from '../../protocol/messages/schedules.ts'
import { localTime } from '../../report/local-time.ts'
import { print, printJson, sayError } from '../../report/say.ts'
import { byNextTime, missedText, nextTimesText, schedulesText } from '../../report/schedules.ts'
import { defined, type Result } from '../../result.ts'
import { shellQuote } from '../../system/shell-quote.ts'
import { defineGroup, type NewCommand, type OptionsOf } from '../define-command.ts'
import { wholeNumber } from '../options.ts'
import { type ConnectOptions, defineServerCommand, refuseUsage, sayFailure, withClient } from './connect.ts'
import { wayOn } from './named-job.ts'
import { inNamespace, narrowOption, oneJob } from './namespace.ts'
import { limitOption } from './options.ts'
import { collectPages } from './pages.ts'
import { afterCall, allSchedules } from './scheduled-job.ts'

type NamespaceOptions = ConnectOptions & { namespace?: string | undefined }

/** Days and lines of times that were not fired, below the list. */
const [missedDays, missedLines] = [7, 5]

const listOptions = (command: NewCommand) =>
  command.option(...narrowOption).addOption(limitOption(command, 100_000))

/** Prints what comes, the next first, and what was not fired lately. */
function listSchedules(
  options: ConnectOptions & OptionsOf<typeof listOptions>,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  return withClient(options, env, async client => {
    const query = inNamespace(options.namespace)
    const all = await allSchedules(client, query)
    if (!all.ok) return sayFailure(await afterCall(client, all.failure))
    const shown = all.value.sort(byNextTime).slice(0, options.limit)
    if (options.json) {
      printJson(shown)
      return exitStatus.ok
    }
    const now = systemClock.now()
    print(schedulesText(shown, now))
    const missed = await missedOf(client, { ...query, limit: missedLines })
    if (!missed.ok) return sayFailure(missed.failure)
    const since = now.getTime() - missedDays * 86_400_000
    const lately = missed.value.filter(({ to }) => Date.parse(to) >= since)
    if (lately.length > 0)
      print(`\nNot fired lately; \`runner schedule missed\` lists all:\n${missedText(lately)}`)
    if (shown.length < all.value.length && !options.quiet)
      sayError(`runner: these are the next ${shown.length} of ${all.value.length}; --limit lists more\n`)
    return exitStatus.ok
  })
}

function missedOf(
  client: Client,
  { limit, ...query }: { job?: string; namespace?: string; limit: number },
): Promise<Result<Missed[], ClientFailure>> {
  return collectPages(page => client.call('listMissed', { query: { ...query, ...page } }), limit)
}

const nextOptions = (command: NewCommand) =>
  oneJob(command).addOption(
    command.createOption('--count <number>', 'so many times').default(10).argParser(wholeNumber(1, 1000)),
  )

function showNext(
  options: ConnectOptions & OptionsOf<typeof nextOptions>,
  name: string,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  return withClient(options, env, async client => {
    const { count, namespace } = options
    const query = { count, ...inNamespace(namespace) }
    const times = await client.call('nextTimes', { params: { name }, query })
    if (!times.ok) return sayFailure(await afterCall(client, times.failure, name, namespace))
    if (options.json) printJson(times.value)
    else if (times.value.items.length > 0) print(nextTimesText(times.value, systemClock.now()))
    else print('no time of this schedule comes any more\n')
    return exitStatus.ok
  })
}

const missedOptions = (command: NewCommand) =>
  command
    .argument('[job]')
    .option(...narrowOption)
    .addOption(limitOption(command, 100_000))

function listMissed(
  options: ConnectOptions & OptionsOf<typeof missedOptions>,
  job: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<number> {
  return withClient(options, env, async client => {
    const { limit, namespace } = options
    const missed = await missedOf(client, { limit, ...defined({ job }), ...inNamespace(namespace) })
    if (!missed.ok) return sayFailure(await afterCall(client, missed.failure))
    if (missed.value.length === 0 && job !== undefined) {
      const known = await client.call('getJob', { params: { name: job }, query: inNamespace(namespace) })
      if (!known.ok) return sayFailure(await wayOn(client, job, namespace, known.failure))
    }
    if (options.json) printJson(missed.value)
    else print(missed.value.length === 0 ? 'no missed time is on record\n' : missedText(missed.value))
    if (missed.value.length === limit && !options.quiet && !options.json)
      sayError(`runner: these are the latest ${limit}; --limit lists more\n`)
    return exitStatus.ok
  })
}

const pauseOptions = (command: NewCommand) =>
  command
    .argument('[job]')
    .option('--namespace <namespace>', 'namespace of the job; without a job: only what is in this namespace')

/** Pauses or resumes the schedule of a job, or all of them. */
function change(
  options: NamespaceOptions,
  job: string | undefined,
  env: NodeJS.ProcessEnv,
  word: 'pause' | 'resume',
): Promise<number> {
  // The variable of a shell that is not set must not pause everything.
  if (job === '')
    return Promise.resolve(refuseUsage('the name of the job is empty; leave it out for all jobs'))
  return withClient(options, env, async client => {
    const { namespace, json, quiet } = options
    const query = inNamespace(namespace)
    const changed: Result<ScheduleView | Paused, ClientFailure> =
      job === undefined
        ? await client.call(word === 'pause' ? 'pauseAll' : 'resumeAll', { query })
        : await client.call(word === 'pause' ? 'pauseJob' : 'resumeJob', { params: { name: job }, query })
    if (!changed.ok) return sayFailure(await afterCall(client, changed.failure, job, namespace))
    if (json) printJson(changed.value)
    else if (!quiet) sayError(`runner: ${changedText(changed.value, word)}\n`)
    return exitStatus.ok
  })
}

function changedText(changed: ScheduleView | Paused, word: 'pause' | 'resume'): string {
  const { whose, end } = subjectOf(changed)
  if (word === 'pause') return `${whose} paused; \`${end}\` ends that`
  if (changed.paused_at === null) return `${whose} resumed`
  // Resumed by its name, while all are paused.
  return (
    `${whose} still paused, with all others since ${localTime(changed.paused_at)}; ` +
    '`runner schedule resume` ends that'
  )
}

/** Names the changed schedules, and the command that ends their pause. */
function subjectOf(changed: ScheduleView | Paused): { whose: string; end: string } {
  const resume = 'runner schedule resume'
  if ('job' in changed)
    return { whose: `the schedule of ${changed.job} is`, end: `${resume} ${shellQuote(changed.job)}` }
  const { namespaces } = changed
  if (namespaces.includes('*')) return { whose: 'all schedules are', end: resume }
  const end = namespaces.length === 1 ? `${resume} --namespace ${namespaces[0]}` : resume
  return { whose: `the schedules of namespace ${namespaces.join(', ')} are`, end }
}

const list = defineServerCommand({
  description: 'list the schedules, the next first, and times that were not fired lately',
  options: listOptions,
  examples: ['runner schedule', "runner schedule list --json | jq '.[] | [.job, .due_at]'"],
  action: (options, _, env) => listSchedules(options, env),
})

const next = defineServerCommand({
  description: 'show the next times of a job, in its zone and in UTC',
  options: nextOptions,
  examples: ['runner schedule next nightly', 'runner schedule next nightly --count 3'],
  action: (options, [job], env) => showNext(options, job, env),
})

const missed = defineServerCommand({
  description: 'list the times that were not fired, and why: of one job, or of all',
  options: missedOptions,
  notes: `A time that was caught up is an execution: \`runner ps --all\` says that it was late, and why.`,
  examples: ['runner schedule missed', 'runner schedule missed nightly'],
  action: (options, [job], env) => listMissed(options, job, env),
})

const pause = defineServerCommand({
  description: 'run nothing by itself until it is resumed: one job, or all',
  options: pauseOptions,
  notes: `Times that a pause has missed run late as the schedule says (--catch-up) when the pause ends.`,
  examples: [
    'runner schedule pause nightly',
    'runner schedule pause --namespace team-a',
    'runner schedule pause',
  ],
  action: (options, [job], env) => change(options, job, env, 'pause'),
})

const resume = defineServerCommand({
  description: 'end a pause: of one job, or of all',
  options: pauseOptions,
  notes: `Jobs that were paused by their names stay paused when all are resumed.`,
  examples: ['runner schedule resume nightly', 'runner schedule resume'],
  action: (options, [job], env) => change(options, job, env, 'resume'),
})

export const command = defineGroup({
  description: 'show the schedules of jobs, and pause them',
  own: 'list',
  commands: { list, next, missed, pause, resume },
})
