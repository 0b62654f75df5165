import type { UnreadableReason } from '../../store/failure.ts'
import { failUnlessDamaged, type UnreadableRow } from '../state/unreadable.ts'

/** Shows a row by `view`, and a row that cannot be read by `instead`, which gets the problem. */
export async function showRow<Row extends object, View>(
  row: Row | UnreadableRow,
  view: (row: Row) => View | Promise<View>,
  instead: (problem: string) => View,
): Promise<View> {
  if ('unreadable' in row) return instead(problems[row.unreadable])
  try {
    return await view(row)
  } catch (error) {
    failUnlessDamaged(error)
    return instead(`its record in the store cannot be shown${whatToDo}`)
  }
}

export const whatToDo = '; a backup of the store may have it whole'

const problems: Record<UnreadableReason, string> = {
  damaged: `its row in the store cannot be read${whatToDo}`,
  'too-new':
    'a newer program has written its row in the store, and this one cannot read it; use the newer program',
}
