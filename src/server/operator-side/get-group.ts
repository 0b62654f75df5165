import type { Group } from '../../protocol/messages/groups.ts'
import { ok, type Result } from '../../result.ts'
import type { Reader } from '../../store/reader.ts'
import { noGroup } from '../rules/absent.ts'
import type { Refusal } from '../rules/refusal.ts'
import { groupRow } from '../state/groups.ts'
import { readable } from '../state/unreadable.ts'
import { shownGroup } from '../views/group-view.ts'

export async function getGroup(tx: Reader, name: string): Promise<Result<Group, Refusal>> {
  const row = await readable(groupRow(tx, name), name)
  return row === undefined ? noGroup(name) : ok(await shownGroup(tx, row))
}
