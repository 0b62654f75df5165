import { isObject } from '../../protocol/mask/secrets.ts'
import { Job } from '../../protocol/messages/jobs.ts'
import { checkOf } from '../../protocol/validation.ts'
import { ok, type Result } from '../../result.ts'
import { type JobRow, jobKey } from '../../store/rows.ts'
import type { SealKeys } from '../../store/seal-key.ts'
import type { Writer } from '../../store/writer.ts'
import type { Context } from '../rules/context.ts'
import { type Refusal, refuse } from '../rules/refusal.ts'
import { type Rights, reaches } from '../rules/rights.ts'
import { storeDefinition } from '../state/definitions.ts'
import { endTurns } from '../state/lines.ts'
import { putSchedule } from '../state/schedules.ts'
import { readable, type UnreadableRow } from '../state/unreadable.ts'

/**
 * Puts every entry of a backup in the place of the job of its name, or changes nothing and names the wrong
 * entry; `note` is told of each. An entry without a namespace, as release 0.1.0 wrote them, goes into the one
 * of the call.
 */
export async function restore(
  tx: Writer,
  ctx: Context,
  rights: Rights,
  backup: unknown,
  owner: string | null = null,
  note: (before: JobRow | UnreadableRow | undefined, after: JobRow) => void = () => {},
): Promise<Result<{ restored: number }, Refusal>> {
  const rows = readBackup(backup, ctx.keys, rights, owner)
  if (!rows.ok) return rows
  const before = await Promise.all(rows.value.map(row => readable(tx.job(row), jobKey(row))))
  for (const [index, row] of rows.value.entries()) {
    const known = before[index]
    const former = known === undefined || 'unreadable' in known ? undefined : known
    const scheduled = await putSchedule(tx, ctx, former, row, 'restore')
    if (!scheduled.ok)
      return refuse('backup-invalid', `entry ${index} (${row.name}): ${scheduled.failure.detail ?? ''}`)
    note(before[index], row)
    tx.putJob(row)
    if (row.body.concurrency === 'allow') await endTurns(tx, row)
  }
  return ok({ restored: rows.value.length })
}

const checkJob = checkOf<Job>('entry', Job)

function readBackup(
  backup: unknown,
  keys: SealKeys,
  rights: Rights,
  owner: string | null,
): Result<JobRow[], Refusal> {
  if (!Array.isArray(backup))
    return refuse('backup-invalid', 'a backup is an array of jobs, as GET /v1/jobs gives it')
  const rows = new Map<string, JobRow>()
  for (const [index, entry] of backup.entries()) {
    const row = readEntry(entry, keys, rights, owner)
    if (!row.ok)
      return {
        ok: false,
        failure: { ...row.failure, detail: `${entryName(entry, index)}: ${row.failure.detail}` },
      }
    const key = jobKey(row.value)
    if (rows.has(key))
      return refuse('backup-invalid', `${entryName(entry, index)}: a job of this name comes before it`)
    rows.set(key, row.value)
  }
  return ok([...rows.values()])
}

function readEntry(
  entry: unknown,
  keys: SealKeys,
  rights: Rights,
  owner: string | null,
): Result<JobRow, Refusal> {
  const checked = checkJob(entry)
  if (!checked.ok) return refuse('backup-invalid', checked.failure)
  const { name, namespace = rights.namespace, ...definition } = checked.value
  if (!reaches(rights, namespace))
    return refuse('wrong-namespace', `it is of namespace ${namespace}, in which the token does not hold`)
  const stored = storeDefinition(definition, keys, namespace)
  if (stored.ok) return ok({ name, namespace, ...stored.value, owner })
  return stored.failure.reason === 'malformed' ? refuse('backup-invalid', stored.failure.detail) : stored
}

/** Names an entry of a backup by its place, from 0, and its job. */
function entryName(entry: unknown, index: number): string {
  const name = isObject(entry) && typeof entry.name === 'string' ? ` (${entry.name.slice(0, 128)})` : ''
  return `entry ${index}${name}`
}
