import type { Job, ShownJob } from '../../protocol/messages/jobs.ts'
import type { JobName } from '../../store/filters.ts'
import { type JobRow, nameOfKey } from '../../store/rows.ts'
import type { SealKeys } from '../../store/seal-key.ts'
import { showDefinition } from '../state/definitions.ts'
import type { UnreadableRow } from '../state/unreadable.ts'
import { showRow } from './shown.ts'

export function shownJob(row: JobRow | UnreadableRow, keys: SealKeys): Promise<ShownJob> {
  return showRow<JobRow, ShownJob>(
    row,
    row => jobView(row, keys),
    problem => ({ ...('unreadable' in row ? nameOfKey(row.id) : nameOf(row)), image: '', problem }),
  )
}

export function jobView(row: JobRow, keys: SealKeys): Job {
  return { ...nameOf(row), ...showDefinition(row, keys, row.namespace) }
}

const nameOf = ({ name, namespace }: JobName): JobName => ({ name, namespace })
