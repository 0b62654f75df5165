/* What a queued execution waits for, in plain words. */
import { eligibility, type Hindrance, suits } from './eligibility.ts'
import { capabilitiesOf, capacityOf, groupOf } from './runner-facts.ts'
import type { ExecutionRow, GroupRow, Reader, RunnerRow } from './store/store.ts'

/** Others in the queue that are counted at most. */
const mostCounted = 100

/** What is said of a runner that may take no work. */
export const hindranceTexts: Record<Hindrance, string> = {
  deleted: 'deleted',
  disabled: 'disabled',
  left: 'stopped',
  draining: 'draining',
  disconnected: 'not connected',
  unhealthy: 'passed over for a while, since reservations were not confirmed',
  tainted: 'tainted',
  standby: 'standing by',
}

/** The runners of a group as they are now, and how many executions each holds. */
interface Crew {
  group: GroupRow | undefined
  runners: RunnerRow[]
  held: Map<string | null, ExecutionRow[]>
}

/** The runners of groups that have been looked at, by the name of the group. */
export type Crews = Map<string, Promise<Crew>>

/** Says of queued executions why no runner has them yet; looks at each group once, also for a list in several parts. */
export function waitingReasons(tx: Reader, crews: Crews): (row: ExecutionRow) => Promise<string> {
  return async row => {
    const crew = crews.get(row.runner_group) ?? crewOf(tx, row.runner_group)
    crews.set(row.runner_group, crew)
    return waitingBecause(row, await crew, await tx.countBefore(row, mostCounted), tx.watched)
  }
}

async function crewOf(tx: Reader, name: string): Promise<Crew> {
  const runners = (await tx.runnersOf(name)).filter(row => row.deleted_at === null && groupOf(row) === name)
  const held = Map.groupBy(await tx.heldBy(runners.map(row => row.id)), ({ runner_id }) => runner_id)
  return { group: await tx.group(name), runners, held }
}

/** Why no runner has a queued execution that `before` others go before. */
export function waitingBecause(row: ExecutionRow, crew: Crew, before: number, now: number): string {
  const name = row.runner_group
  if (crew.runners.length === 0) return `group ${name} has no runner`
  const queue = before === 0 ? '' : `; ${others(before)} first`
  const leads = crew.group?.mode === 'leader'
  const leader = crew.runners.find(runner => runner.id === crew.group?.leader_runner_id)
  if (leads && leader !== undefined) {
    const reason = reasonOf(leader, row, crew, now)
    return reason === undefined
      ? soon(before)
      : `the leader of group ${name}, ${leader.name}, is ${reason}${queue}`
  }
  const counts = new Map<string, number>()
  for (const runner of crew.runners) {
    const reason = reasonOf(runner, row, crew, now)
    if (reason === undefined) return soon(before)
    counts.set(reason, (counts.get(reason) ?? 0) + 1)
  }
  const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).join(', ')
  return `${leads ? `group ${name} has no leader` : `no runner of group ${name} can take it`}: ${reasons}${queue}`
}

/** What keeps a runner from taking it; undefined: nothing but the order of the queue. */
function reasonOf(runner: RunnerRow, row: ExecutionRow, crew: Crew, now: number): string | undefined {
  if (!suits(runner, row)) {
    const has = capabilitiesOf(runner)
    return `without capability ${row.capabilities.filter(capability => !has.includes(capability)).join(', ')}`
  }
  const [hindrance] = eligibility(runner, crew.group, now)
  if (hindrance !== undefined) return hindranceTexts[hindrance]
  return capacityOf(runner) > (crew.held.get(runner.id)?.length ?? 0) ? undefined : 'full'
}

const soon = (before: number) => (before === 0 ? 'a runner is about to take it' : `${others(before)} first`)

function others(count: number): string {
  if (count === 1) return '1 other goes'
  return `${count >= mostCounted ? 'at least ' : ''}${count} others go`
}
