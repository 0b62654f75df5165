import type { Runner } from '../../protocol/messages/runners.ts'
import { defined } from '../../result.ts'
import type { Reader } from '../../store/reader.ts'
import type { GroupRow } from '../../store/rows.ts'
import type { RunnerRow } from '../../store/runner-row.ts'
import type { Context } from '../rules/context.ts'
import { capabilitiesOf, groupOf, runnerStateOf, settingsOf, taintsOf } from '../rules/effective.ts'
import { roleOf } from '../rules/eligibility.ts'
import { time, timeOrNull } from '../rules/times.ts'
import { ifReadable, type UnreadableRow } from '../state/unreadable.ts'
import { showRow } from './shown.ts'

/** Runners as operators see them. */
export async function runnerViews(
  tx: Reader,
  ctx: Context,
  rows: readonly (RunnerRow | UnreadableRow)[],
): Promise<Runner[]> {
  const held = Map.groupBy(await tx.heldBy(rows.map(row => row.id)), ({ runner_id }) => runner_id)
  const running = (id: string) => held.get(id)?.map(execution => execution.id) ?? []
  const groups = new Map<string, Promise<GroupRow | undefined>>()
  const groupNamed = (name: string) => {
    const group = groups.get(name) ?? ifReadable(tx.group(name))
    groups.set(name, group)
    return group
  }
  const view = async (row: RunnerRow): Promise<Runner> => {
    const settings = settingsOf(ctx.settings, row)
    return {
      id: row.id,
      name: row.name,
      version: row.version,
      state: runnerStateOf(row, tx.watched),
      enabled: settings.enabled,
      role: roleOf(row, await groupNamed(groupOf(row))),
      runner_group: groupOf(row),
      capabilities: capabilitiesOf(row),
      taints: taintsOf(row),
      metadata: row.said.metadata,
      ...defined({ host: Object.keys(row.host).length === 0 ? undefined : row.host }),
      capacity: settings.capacity,
      eviction_time_seconds: settings.eviction_time_seconds,
      abort_timeout_seconds: settings.abort_timeout_seconds,
      session: row.session,
      created_at: time(row.created_at),
      last_heartbeat_at: timeOrNull(row.last_heartbeat_at),
      credentials_expire_at: timeOrNull(row.credentials_until),
      unable_because: row.unable_because,
      clock_difference_seconds: row.clock_difference_seconds,
      executors: row.executors,
      running: running(row.id),
      deleted: row.deleted_at !== null,
    }
  }
  return Promise.all(
    rows.map(row =>
      showRow<RunnerRow, Runner>(row, view, problem => ({
        id: row.id,
        name: row.id,
        version: '',
        state: 'disconnected',
        enabled: false,
        role: null,
        runner_group: 'default',
        capabilities: [],
        taints: [],
        metadata: {},
        capacity: 0,
        eviction_time_seconds: 0,
        abort_timeout_seconds: 0,
        session: 0,
        created_at: time(0),
        last_heartbeat_at: null,
        clock_difference_seconds: null,
        executors: [],
        running: running(row.id),
        deleted: false,
        problem,
      })),
    ),
  )
}
