import { Job, type JobBody, type ShownJob } from '../protocol/messages.ts'
import { isObject } from '../protocol/secrets.ts'
import { checkOf } from '../protocol/validation.ts'
import { ok, type Result } from '../result.ts'
import type { Context, Keys } from './context.ts'
import { showDefinition, storeDefinition } from './definitions.ts'
import { readable, shown, type UnreadableRow, unreadable } from './pages.ts'
import { type Refusal, refuse } from './refusal.ts'
import type { JobRow, Reader, Writer } from './store/store.ts'

/** Defines a job, whatever it was before; `owner` is the token by which that is asked for. */
export async function putJob(
  tx: Writer,
  ctx: Context,
  name: string,
  { name: nameInBody = name, ...definition }: JobBody,
  owner?: string,
): Promise<Result<{ job: Job; created: boolean }, Refusal>> {
  if (nameInBody !== name)
    return refuse('malformed', `/name is ${nameInBody}, and the path says ${name}: a job cannot be renamed`)
  const stored = storeDefinition(definition, ctx.keys)
  if (!stored.ok) return stored
  const row = { name, ...stored.value, ...(owner !== undefined && { owner }) }
  const created = (await tx.job(name)) === undefined
  tx.putJob(row)
  return ok({ job: jobView(row, ctx.keys), created })
}

/** The rows of every definition, by name: the backup that `restore` takes. */
export function jobRows(tx: Reader): Promise<(JobRow | UnreadableRow)[]> {
  return tx.listJobs(unreadable)
}

/** What operators see of each: what takes longest is to open and to seal their secrets, so one after the other. */
export async function* shownJobs(
  { keys }: Context,
  rows: readonly (JobRow | UnreadableRow)[],
): AsyncGenerator<ShownJob> {
  for (const row of rows) yield shownJob(row, keys)
}

export async function getJob(tx: Reader, ctx: Context, name: string): Promise<Result<ShownJob, Refusal>> {
  const row = await readable(tx.job(name), name)
  return row === undefined ? noJob(name) : ok(await shownJob(row, ctx.keys))
}

function shownJob(row: JobRow | UnreadableRow, keys: Keys): Promise<ShownJob> {
  const name = 'unreadable' in row ? row.id : row.name
  return shown<JobRow, ShownJob>(
    row,
    row => jobView(row, keys),
    problem => ({ name, image: '', problem }),
  )
}

/** Removes a definition; its executions have their own copies. */
export async function deleteJob(tx: Writer, _ctx: Context, name: string): Promise<Result<void, Refusal>> {
  return (await tx.deleteJob(name)) ? ok(undefined) : noJob(name)
}

/** Puts every entry of a backup in the place of the job of its name, or changes nothing and names the wrong entry. */
export async function restore(
  tx: Writer,
  ctx: Context,
  backup: unknown,
  owner?: string,
): Promise<Result<{ restored: number }, Refusal>> {
  const rows = readBackup(backup, ctx.keys)
  if (!rows.ok) return rows
  for (const row of rows.value) tx.putJob(owner === undefined ? row : { ...row, owner })
  return ok({ restored: rows.value.length })
}

export const noJob = (name: string) => refuse('not-found', `there is no job ${name}`)

function jobView({ name, ...stored }: JobRow, keys: Keys): Job {
  return { name, ...showDefinition(stored, keys) }
}

const checkJob = checkOf('entry', Job)

function readBackup(backup: unknown, keys: Keys): Result<JobRow[], Refusal> {
  if (!Array.isArray(backup))
    return refuse('backup-invalid', 'a backup is an array of jobs, as GET /v1/jobs gives it')
  const rows = new Map<string, JobRow>()
  for (const [index, entry] of backup.entries()) {
    const row = readEntry(entry, keys)
    if (!row.ok)
      return {
        ok: false,
        failure: { ...row.failure, detail: `${entryName(entry, index)}: ${row.failure.detail}` },
      }
    const { name } = row.value
    if (rows.has(name))
      return refuse('backup-invalid', `${entryName(entry, index)}: a job of this name comes before it`)
    rows.set(name, row.value)
  }
  return ok([...rows.values()])
}

function readEntry(entry: unknown, keys: Keys): Result<JobRow, Refusal> {
  const wrong = checkJob(entry)
  if (wrong !== undefined) return refuse('backup-invalid', wrong)
  const { name, ...definition } = entry as Job
  const stored = storeDefinition(definition, keys)
  if (stored.ok) return ok({ name, ...stored.value })
  return stored.failure.reason === 'malformed' ? refuse('backup-invalid', stored.failure.detail) : stored
}

/** Which entry of a backup is meant: by its place, from 0, and its name. */
function entryName(entry: unknown, index: number): string {
  const name = isObject(entry) && typeof entry.name === 'string' ? ` (${entry.name.slice(0, 128)})` : ''
  return `entry ${index}${name}`
}
