import type { Group } from '../../protocol/messages/groups.ts'
import type { Reader } from '../../store/reader.ts'
import type { GroupRow } from '../../store/rows.ts'
import { groupOf } from '../rules/effective.ts'
import type { UnreadableRow } from '../state/unreadable.ts'
import { showRow } from './shown.ts'

export const groupName = (row: GroupRow | UnreadableRow) => ('unreadable' in row ? row.id : row.name)

export function shownGroup(tx: Reader, row: GroupRow | UnreadableRow): Promise<Group> {
  return showRow<GroupRow, Group>(
    row,
    row => groupView(tx, row),
    problem => ({
      name: groupName(row),
      mode: 'all',
      leader_runner_id: null,
      pinned_runner_id: null,
      runners: 0,
      problem,
    }),
  )
}

/** A group as operators see it. */
async function groupView(tx: Reader, row: GroupRow): Promise<Group> {
  const runners = (await tx.runnersOf(row.name)).filter(runner => runner.deleted_at === null)
  const { name, mode, leader_runner_id, pinned_runner_id } = row
  const count = runners.filter(runner => groupOf(runner) === name).length
  return { name, mode, leader_runner_id, pinned_runner_id, runners: count }
}
