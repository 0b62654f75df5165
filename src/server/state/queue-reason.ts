import type { Moment, Reader } from '../../store/reader.ts'
import type { ExecutionRow, GroupRow } from '../../store/rows.ts'
import type { RunnerRow } from '../../store/runner-row.ts'
import { counted } from '../../system/counted.ts'
import { capabilitiesOf, capacityOf, groupOf } from '../rules/effective.ts'
import { eligibility, hindranceTexts, suits } from '../rules/eligibility.ts'
import { time } from '../rules/times.ts'

/** Others in the queue that are counted at most. */
const mostCounted = 100

/** The runners of a group as they are now, and how many executions each holds. */
interface GroupRunners {
  row: GroupRow | undefined
  runners: RunnerRow[]
  held: Map<string | null, ExecutionRow[]>
}

/** The runners of groups that have been looked at, by the name of the group. */
export type RunnersByGroup = Map<string, Promise<GroupRunners>>

/**
 * Says of queued executions why no runner has them yet; looks at each group once, also for a list in several
 * parts.
 */
export function queueReasons(tx: Reader, groups: RunnersByGroup): (row: ExecutionRow) => Promise<string> {
  return async row => {
    const other = waitText(row, tx)
    if (other !== null) return other
    const group = groups.get(row.runner_group) ?? runnersOf(tx, row.runner_group)
    groups.set(row.runner_group, group)
    return queueReason(row, await group, await tx.countBefore(row, mostCounted), tx.watched)
  }
}

/** The reason why an execution is not handed out yet. */
export function waitText(row: ExecutionRow, { now, watched }: Moment): string | null {
  const { waits, not_before, job_name, concurrency, concurrency_key: key, concurrency_limit } = row
  if (waits === 'time')
    return `it waits until ${time(now + (not_before ?? watched) - watched)} for its next attempt`
  if (waits === 'turn')
    return `another run of job ${job_name} has not ended, and its concurrency is ${concurrency}`
  if (waits === null) return null
  const limit = concurrency_limit ?? 1
  return (
    `${counted(limit, 'run')} with concurrency_key ${key} ${limit === 1 ? 'has' : 'have'} not ended, ` +
    'as many as concurrency_limit allows'
  )
}

async function runnersOf(tx: Reader, name: string): Promise<GroupRunners> {
  const runners = (await tx.runnersOf(name)).filter(row => row.deleted_at === null && groupOf(row) === name)
  const held = Map.groupBy(await tx.heldBy(runners.map(row => row.id)), ({ runner_id }) => runner_id)
  return { row: await tx.group(name), runners, held }
}

/** The reason why no runner has a queued execution that has `before` others ahead of it. */
function queueReason(row: ExecutionRow, group: GroupRunners, before: number, now: number): string {
  const name = row.runner_group
  if (group.runners.length === 0) return `group ${name} has no node`
  const queue = before === 0 ? '' : `; ${others(before)} first`
  const leads = group.row?.mode === 'leader'
  const leader = group.runners.find(runner => runner.id === group.row?.leader_runner_id)
  if (leads && leader !== undefined) {
    const reason = reasonOf(leader, row, group, now)
    return reason === undefined
      ? soon(before)
      : `the leader of group ${name}, ${leader.name}, is ${reason}${queue}`
  }
  const counts = new Map<string, number>()
  for (const runner of group.runners) {
    const reason = reasonOf(runner, row, group, now)
    if (reason === undefined) return soon(before)
    counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).join(', ')
  return (
    `${leads ? `group ${name} has no leader` : `no node of group ${name} can take it`}: ` +
    `${reasons}${queue}`
  )
}

/** The reason why a runner cannot take it; undefined: only the order of the queue. */
function reasonOf(
  runner: RunnerRow,
  row: ExecutionRow,
  group: GroupRunners,
  now: number,
): string | undefined {
  if (!suits(runner, row)) {
    const has = capabilitiesOf(runner)
    return `without capability ${row.capabilities.filter(capability => !has.includes(capability)).join(', ')}`
  }
  const [hindrance] = eligibility(runner, group.row, now)
  if (hindrance !== undefined) return hindranceTexts[hindrance]
  if (runner.unable_because !== null) return `unable to start jobs (${runner.unable_because})`
  return capacityOf(runner) > (group.held.get(runner.id)?.length ?? 0) ? undefined : 'full'
}

const soon = (before: number) => (before === 0 ? 'a node is about to take it' : `${others(before)} first`)

function others(count: number): string {
  if (count === 1) return '1 other goes'
  return `${count >= mostCounted ? 'at least ' : ''}${count} others go`
}
