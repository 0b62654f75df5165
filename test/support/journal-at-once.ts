import type { EndOfChain } from '../../src/chain/chain.ts'
import type { Event, PlannedTaskFact, ResumeFact } from '../../src/event.ts'
import type { Recorded, RecordedOf } from '../../src/journal/run-record.ts'
import { defined } from '../../src/result.ts'
import type { Act, ChainAtOnce } from './chain-at-once.ts'
import { tryEnd } from './scripted-chain.ts'

/*
 * The journal of a scripted chain. Each event is a second after the one before it.
 */

const at = (index: number) => new Date(Date.UTC(2026, 0, 1) + index * 1000).toISOString()
const statuses: Record<string, number> = { OK: 0, RETRY: 1, HALT: 2, EXIT: 3, REBOOT: 194 }

export function plannedFacts({ scripts }: Pick<ChainAtOnce, 'scripts'>): PlannedTaskFact[] {
  return scripts.map(({ max_tries }, task) => ({
    task: String(task),
    name: String(task),
    sha256: 'same',
    max_tries,
  }))
}

export function beginningOf(
  chain: Pick<ChainAtOnce, 'scripts' | 'parallel'>,
  resumes?: ResumeFact,
): RecordedOf<'run:started'> {
  return {
    at: at(0),
    event: 'run:started',
    format: 2,
    run_id: 1,
    boot_id: 'boot',
    pid: 1,
    start_ticks: '0',
    task_dir: '/tasks.d',
    parallel: chain.parallel,
    reboots: 0,
    tasks: plannedFacts(chain),
    ...defined({ resumes }),
  }
}

export function journalOf(acts: readonly Act[]): Recorded[] {
  return acts.flatMap((act, index): Recorded[] => {
    const event = eventOf(act)
    return event === undefined ? [] : [{ at: at(index + 1), ...event }]
  })
}

function eventOf(act: Act): Event | undefined {
  if (act.did === 'tell') return act.event
  if (act.did !== 'begin' && act.did !== 'end') return undefined
  const ref = { task: String(act.task), name: String(act.task), kind: 'task', try_num: act.tryNum } as const
  if (act.did === 'begin') return { event: 'try:started', ...ref, try_id: '', max_tries: 3, max_time: 0 }
  return { event: 'try:ended', ...ref, ...tryEnd(act.outcome, false), exit_code: statuses[act.outcome] ?? 0 }
}

export function endOf({ reason, done, task }: EndOfChain): RecordedOf<'run:ended'> {
  return {
    at: at(100_000),
    event: 'run:ended',
    run_id: 1,
    reason,
    exit_status: 0,
    tasks_done: done,
    duration_seconds: 1,
    ...defined({ task }),
  }
}
