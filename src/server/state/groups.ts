import type { Reader } from '../../store/reader.ts'
import { emptyGroup, type GroupRow } from '../../store/rows.ts'
import type { Writer } from '../../store/writer.ts'
import { readable } from './unreadable.ts'

/** The group of runners and jobs that name none; it exists from the beginning. */
const defaultGroup = 'default'

/** The row of a new group, in which every runner gets jobs. */
const newGroup = (name: string): GroupRow => ({ ...emptyGroup, name, mode: 'all' })

/** Makes a group that a runner names, if it is new; groups stay when their runners are gone. */
export async function ensureGroup(tx: Writer, name: string): Promise<void> {
  if ((await readable(tx.group(name), name)) === undefined) tx.putGroup(newGroup(name))
}

/** Whether no runner has named a group yet. */
export async function isNewGroup(tx: Reader, name: string): Promise<boolean> {
  return name !== defaultGroup && (await tx.group(name)) === undefined
}

/** A group, with the row of a new one also where executions wait for its first runner. */
export async function groupRow(tx: Reader, name: string): Promise<GroupRow | undefined> {
  const row = await tx.group(name)
  if (row !== undefined) return row
  return name === defaultGroup || (await tx.isAwaited(name)) ? newGroup(name) : undefined
}
