import type { RunnerRow } from '../../store/runner-row.ts'
import type { Store } from '../../store/store.ts'
import { groupOf, runnerStateOf } from '../rules/effective.ts'
import { all } from './pages.ts'
import { unreadable } from './unreadable.ts'

export interface NodeCount {
  runner_group: string
  /** That of the API, or `unable`: connected, and can start no job. */
  state: string
  count: number
}

/**
 * Reads the runners that are not deleted, in pages, each read of its own, so that nothing waits for a fleet
 * to be read.
 */
export async function readNodes(store: Store): Promise<{ rows: RunnerRow[]; watched: number }> {
  const watched = await store.read(async tx => tx.watched)
  const rows: RunnerRow[] = []
  for await (const row of all(page => store.read(tx => tx.listRunners(page, unreadable))))
    if (!('unreadable' in row) && row.deleted_at === null) rows.push(row)
  return { rows, watched }
}

/** Counts runners by runner group and state. */
export function countNodes(rows: readonly RunnerRow[], watched: number): NodeCount[] {
  const counts = new Map<string, NodeCount>()
  for (const row of rows) {
    const known = runnerStateOf(row, watched)
    const state = known === 'ready' && row.unable_because !== null ? 'unable' : known
    const runner_group = groupOf(row)
    const name = `${state} ${runner_group}`
    const { count } = counts.get(name) ?? { count: 0 }
    counts.set(name, { runner_group, state, count: count + 1 })
  }
  return [...counts.values()]
}
