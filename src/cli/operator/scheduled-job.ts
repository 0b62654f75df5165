/* The texts of commands about a job's schedule, and about servers that know no schedules. */
import { systemClock } from '../../edges.ts'
import type { Client } from '../../protocol/client/client.ts'
import type { ClientFailure } from '../../protocol/client/client-failure.ts'
import type { Job, JobBody } from '../../protocol/messages/jobs.ts'
import type { ScheduleView } from '../../protocol/messages/schedules.ts'
import { nextText } from '../../report/schedules.ts'
import type { Result } from '../../result.ts'
import { shellQuote } from '../../system/shell-quote.ts'
import { wayOn } from './named-job.ts'
import { inNamespace } from './namespace.ts'
import { collectPages } from './pages.ts'

/** The text that says when a newly defined job will run. */
export async function whatComes(client: Client, { name, namespace, schedule }: Job): Promise<string> {
  const byHand = `\`runner submit ${shellQuote(name)}\` runs it`
  if (schedule == null) return byHand
  if (schedule.enabled === false) return `its schedule is disabled, and ${byHand}`
  const query = { count: 1, ...inNamespace(namespace) }
  const times = await client.call('nextTimes', { params: { name }, query })
  // The job is defined whatever is known of its times.
  if (!times.ok) return `\`runner schedule next ${shellQuote(name)}\` shows when it runs`
  const [next] = times.value.items
  if (next === undefined) return `no time of its schedule comes any more, and ${byHand}`
  const notes = next.notes.map(note => `; ${note.replace(/\.$/, '')}`)
  return `it runs next on ${nextText(next, systemClock.now())}${notes.join('')}`
}

/** The schedules of all jobs that have one. */
export function allSchedules(
  client: Client,
  query: { namespace?: string },
): Promise<Result<ScheduleView[], ClientFailure>> {
  return collectPages(page => client.call('listSchedules', { query: { ...query, ...page } }))
}

/** The failure of a put; of one with a schedule, at a server of a release that has none, that. */
export async function afterPut(
  client: Client,
  { schedule, blackouts }: JobBody,
  failure: ClientFailure,
): Promise<ClientFailure> {
  const isUnknown = /has an unknown field "(schedule|blackouts)"/.test(failure.message)
  const hasSchedule = schedule !== undefined || blackouts !== undefined
  return hasSchedule && failure.reason === 'malformed' && isUnknown ? tooOld(client, failure) : failure
}

/** The failure of a call about schedules, with the ways on from a job that is not there. */
export async function afterCall(
  client: Client,
  failure: ClientFailure,
  name?: string,
  namespace?: string,
): Promise<ClientFailure> {
  // So say servers of all releases of a call that came later.
  if (failure.message.includes('no call has this path')) return tooOld(client, failure)
  return name === undefined ? failure : afterNamed(client, failure, name, namespace)
}

/** A job that is there may be without a schedule: the server says how to give it one. */
async function afterNamed(
  client: Client,
  failure: ClientFailure,
  name: string,
  namespace: string | undefined,
): Promise<ClientFailure> {
  if (failure.reason !== 'not-found') return failure
  const job = await client.call('getJob', { params: { name }, query: inNamespace(namespace) })
  return job.ok ? failure : wayOn(client, name, namespace, failure)
}

async function tooOld(client: Client, failure: ClientFailure): Promise<ClientFailure> {
  const health = await client.call('health', {})
  const release = health.ok ? ` is of release ${health.value.version}, which` : ''
  const message = `the server${release} has no schedules: upgrade it; \`runner submit\` runs jobs meanwhile`
  return { ...failure, reason: 'method-not-allowed', status: 405, message }
}
