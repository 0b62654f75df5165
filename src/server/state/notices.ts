/* Notifications, written in the transaction of what they are about. server/notify/ sends them. */
import type { Notify, NotifyEvent } from '../../protocol/messages/jobs.ts'
import type { Reader } from '../../store/reader.ts'
import type { ExecutionRow, JobRow } from '../../store/rows.ts'
import { emptyNotice } from '../../store/schedule-rows.ts'
import type { Writer } from '../../store/writer.ts'
import { type Context, newId } from '../rules/context.ts'
import { rulesFor } from '../rules/namespace-rules.ts'
import { bodyOfNotFired, bodyOfRun, type NotFiredNotice, type NoticeBody } from '../rules/notice-text.ts'
import { eventsOfEnd, hadFailed, isNewlyEnded, isNewlyLost, runOutcomeOf } from '../rules/run-outcome.ts'
import { settingsIn } from './settings.ts'
import { ifReadable } from './unreadable.ts'

/** Milliseconds of watched time for which a notification is tried. */
const tryFor = 86_400_000
/** Attempts of a job that are looked at for the run before. */
const lookedAt = 50

/** The events that each target wants, by its name. */
type Told = ReadonlyMap<string, ReadonlySet<NotifyEvent>>

/** Writes down who is to be told that an execution has changed; `before`: as it was. */
export async function noteChange(
  tx: Writer,
  ctx: Context,
  row: ExecutionRow,
  before: ExecutionRow | undefined,
): Promise<void> {
  if (row.kind === 'script' || !(isNewlyLost(row, before) || isNewlyEnded(row, before))) return
  const told = await toldOf(tx, ctx, row)
  if (told.size === 0) return
  if (isNewlyLost(row, before)) return tell(tx, ctx, told, ['lost'], row, row.attempt)
  const attempts = await attemptsOf(tx, row)
  const outcome = runOutcomeOf(attempts)
  // The run goes on.
  if (outcome === undefined) return
  const recovers = outcome === 'success' && wants(told, 'recovery') && (await hasRecovered(tx, row))
  const made = attempts.filter(({ state }) => state !== 'withdrawn')
  tell(tx, ctx, told, eventsOfEnd(outcome, recovers), deciding(made, row), made.length)
}

/**
 * Writes down who is to be told that a run is late, once for the run; `row`: an attempt of it that has not
 * ended.
 */
export async function noteLate(tx: Writer, ctx: Context, row: ExecutionRow): Promise<void> {
  const attempts = await attemptsOf(tx, row)
  // A lost attempt and the one queued in its place both carry the time.
  for (const attempt of attempts) if (attempt.late_at !== null) tx.putExecution({ ...attempt, late_at: null })
  tell(tx, ctx, await toldOf(tx, ctx, row), ['late'], row, row.attempt)
}

/** Writes down who is to be told that the schedule of a job did not fire when it should have. */
export async function noteNotFired(
  tx: Writer,
  ctx: Context,
  job: JobRow,
  missed: NotFiredNotice,
): Promise<void> {
  const told = await toldOf(tx, ctx, { notify: job.body.notify ?? null, namespace: job.namespace })
  const about = { namespace: job.namespace, job_name: job.name, execution_id: null }
  for (const target of told.keys())
    if (told.get(target)!.has('not-fired')) queue(tx, ctx, target, about, bodyOfNotFired(job, missed))
}

/** The targets of a job, or those of its namespace where it names none. */
async function toldOf(
  tx: Reader,
  ctx: Context,
  { notify, namespace }: Pick<ExecutionRow, 'notify' | 'namespace'>,
): Promise<Told> {
  const own = notify ?? (await defaultOf(tx, ctx, namespace))
  const told = new Map<string, Set<NotifyEvent>>()
  for (const { to, on } of own) told.set(to, new Set([...(told.get(to) ?? []), ...on]))
  return told
}

/** Settings that cannot be read must not hold up a result. */
async function defaultOf(tx: Reader, ctx: Context, namespace: string): Promise<Notify> {
  const settings = await ifReadable(settingsIn(tx, ctx))
  return (settings && rulesFor(settings, namespace).notify) ?? []
}

const wants = (told: Told, event: NotifyEvent) => [...told.values()].some(events => events.has(event))

/** All attempts of a run: only one that was tried again has more than one. */
async function attemptsOf(tx: Reader, row: ExecutionRow): Promise<ExecutionRow[]> {
  if (row.attempt === 1 && row.retries_left === 0) return [row]
  return tx.listExecutions({ group: row.group }, { limit: 1000 })
}

async function hasRecovered(tx: Reader, { job_name, namespace, group }: ExecutionRow): Promise<boolean> {
  if (job_name === null) return false
  const rows = await tx.listExecutions({ job_name, namespaces: [namespace] }, { limit: lookedAt })
  return hadFailed(rows, group)
}

/** The attempt that a notification about the end of a run names: the successful one, else the last one. */
function deciding(attempts: readonly ExecutionRow[], row: ExecutionRow): ExecutionRow {
  const success = attempts.find(({ state }) => state === 'succeeded')
  return success ?? attempts.toSorted((one, other) => other.attempt - one.attempt)[0] ?? row
}

/** Each target is told once, of the first of the events that it wants. */
function tell(
  tx: Writer,
  ctx: Context,
  told: Told,
  events: readonly NotifyEvent[],
  row: ExecutionRow,
  attempts: number,
): void {
  const { namespace, job_name, id: execution_id } = row
  for (const [target, wanted] of told) {
    const event = events.find(event => wanted.has(event))
    if (event !== undefined)
      queue(tx, ctx, target, { namespace, job_name, execution_id }, bodyOfRun(event, row, attempts))
  }
}

function queue(
  tx: Writer,
  ctx: Context,
  target: string,
  about: { namespace: string; job_name: string | null; execution_id: string | null },
  body: NoticeBody,
): void {
  tx.putNotice({
    ...emptyNotice,
    id: newId(ctx.chance, tx.now),
    target,
    ...about,
    event: body.event,
    body: JSON.stringify(body),
    state: 'waiting',
    created_at: tx.now,
    give_up_at: tx.watched + tryFor,
    next_at: tx.watched,
  })
  tx.notify({ about: 'notice' })
}
