import type { Event, ProcessFact } from '../event.ts'
import { runPath } from '../journal/files.ts'
import type { LastRuns } from '../journal/last-run.ts'
import type { HookRecord, TryRecord } from '../journal/run-record.ts'
import { openProcesses } from '../journal/runs.ts'
import { Outputs } from '../process/output.ts'
import { endTree } from '../process/tree.ts'
import type { RunOptions } from './run-options.ts'

/** The processes that were ended, and notices about them and about those that may be left. */
export interface Leftover {
  killed: ProcessFact[]
  notices: Event[]
}

/**
 * Ends the processes that a run that crashed in this boot has left of the tries and hooks that were under
 * way, and removes its FIFOs.
 */
export async function endLeftover(
  { any: last, problem, unknown }: LastRuns,
  { state, bootId, configuration, edges, hurry }: RunOptions,
): Promise<Leftover> {
  if (state === undefined) return { killed: [], notices: [] }
  const notices = unknown === undefined ? [] : [doubt(unknown.id, unknown.problem)]
  if (last === undefined || last.ended !== undefined) return { killed: [], notices }
  const { run_id, boot_id } = last.started
  Outputs.sweep(runPath(state, run_id))
  if (boot_id !== bootId) return { killed: [], notices }
  if (problem !== undefined) notices.push(doubt(run_id, problem))
  const grace = configuration.runner.kill_grace
  const how = { signal: 'SIGTERM', grace, clock: edges.clock, hurry } as const
  const ended = await Promise.all(openProcesses(last).map(open => endTree(treeOf(open), how)))
  const killed = ended.flatMap(({ killed }) => killed)
  const survivors = ended.flatMap(({ survivors }) => survivors)
  const run = `run ${run_id}, which had crashed,`
  if (killed.length > 0) notices.push(notice(`ended what ${run} had left: ${names(killed)}`))
  if (survivors.length > 0) notices.push(notice(`still alive of ${run}: ${names(survivors)}`))
  return { killed, notices }
}

function treeOf({ started, running }: TryRecord | HookRecord) {
  const id = 'hook_id' in started ? started.hook_id : started.try_id
  return { id, leader: running?.pid, leaderStarted: running?.start_ticks }
}

function doubt(id: number, problem: string): Event {
  return notice(`run ${id}: ${problem}; something of it may be left, and still run`)
}

function notice(message: string): Event {
  return { event: 'notice', reason: 'left-over', message }
}

function names(facts: readonly ProcessFact[]): string {
  return facts.map(({ pid, command }) => `${command} (pid ${pid})`).join(', ')
}
