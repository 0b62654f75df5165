import type { ShownJob } from '../../protocol/messages/jobs.ts'
import type { Reader } from '../../store/reader.ts'
import { type JobRow, nameOfKey } from '../../store/rows.ts'
import type { Context } from '../rules/context.ts'
import { type Rights, reaches } from '../rules/rights.ts'
import { type UnreadableRow, unreadable } from '../state/unreadable.ts'
import { shownJob } from '../views/job-view.ts'

/** The rows of every definition that may be seen, by name: the backup that `restore` takes. */
export async function jobRows(tx: Reader, rights: Rights): Promise<(JobRow | UnreadableRow)[]> {
  const rows = await tx.listJobs(unreadable)
  return rows.filter(row => reaches(rights, ('unreadable' in row ? nameOfKey(row.id) : row).namespace))
}

/**
 * The definitions as operators see them, made one after the other: to open and to seal their secrets takes
 * longest.
 */
export async function* shownJobs(
  { keys }: Context,
  rows: readonly (JobRow | UnreadableRow)[],
): AsyncGenerator<ShownJob> {
  for (const row of rows) yield shownJob(row, keys)
}
