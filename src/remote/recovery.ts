/*
 * Takes up the executions of earlier processes: it compares the spool with the slots that carry this runner's
 * name, and continues each execution where it is.
 */
import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { waitAfter } from '../system/backoff.ts'
import { removeTree } from '../system/remove-tree.ts'
import { pause } from '../system/wait.ts'
import type { RunnerContext } from './context.ts'
import type { SlotRef } from './executors/executor.ts'
import type { Beginning } from './job/assignment-state.ts'
import type { Assignments } from './job/assignments.ts'
import { newerText, type Spool } from './job/spool.ts'
import type { SpooledExecution } from './job/spooled-execution.ts'
import type { ExecutorRuntime } from './pool/host.ts'

/** Seconds between two tries at a backend that does not answer. */
const longestWait = 10

/** The content of the spool at the start. */
export interface SpoolFindings {
  /** They have ended: their results wait for the server. */
  finished: SpooledExecution[]
  /** They may have been started. */
  begun: SpooledExecution[]
  /** They were not. */
  waiting: SpooledExecution[]
  /** Ids of those that a newer release has written: they are left alone, and so is what they may run in. */
  newer: string[]
}

/** Looks at the spool, and removes executions that were never this runner's. */
export async function findInSpool(
  spool: Spool,
  { emit }: Pick<RunnerContext, 'emit'>,
): Promise<SpoolFindings> {
  const { executions, damaged, newer } = spool.all()
  const found: SpoolFindings = {
    finished: [],
    begun: [],
    waiting: [],
    newer: newer.map(path => basename(path)),
  }
  for (const directory of newer) emit({ event: 'notice', message: newerText(directory) })
  for (const directory of damaged) {
    // A record that breaks off was not confirmed, unless a later file is there.
    if (!['place.json', 'end.json'].some(name => existsSync(join(directory, name))))
      await removeTree(directory)
    else
      emit({
        event: 'notice',
        message:
          `the record of a job in ${directory} cannot be read, so the job is left alone: ` +
          'restore its files, or remove the directory to give the job up',
      })
  }
  for (const execution of executions) {
    if (execution.lease === undefined) await execution.remove()
    else if (execution.end !== undefined) found.finished.push(execution)
    else if (execution.mayHaveStarted) found.begun.push(execution)
    else {
      // Its slot goes, with what was put there for it.
      if (execution.state !== undefined) execution.clearPlace()
      found.waiting.push(execution)
    }
  }
  return found
}

/** Delivers what has ended: no backend has to answer for that. */
export async function recoverEnded(
  { finished }: SpoolFindings,
  assignments: Assignments,
  { host }: Pick<RunnerContext, 'host'>,
): Promise<void> {
  for (const execution of finished) {
    const { state, directory } = execution
    if (execution.makeEndLast().ok && state !== undefined) await host.backend.kept(state, directory).trim()
    begin(execution, assignments, { at: 'delivering' })
  }
}

/** Takes up what was begun, and closes slots that belong to nothing. Settles when all of them are matched. */
export async function recoverBegun(
  { begun, waiting, finished, newer }: SpoolFindings,
  { pool }: ExecutorRuntime,
  assignments: Assignments,
  context: RunnerContext,
): Promise<void> {
  const slots = await slotsOf(context)
  if (slots === undefined) return
  const leftAlone = [...newer]
  for (const execution of waiting) begin(execution, assignments, { at: 'confirming' })
  const used = new Set<string>()
  for (const execution of begun) {
    const beginning = await beginningOf(execution, context)
    if (beginning === undefined) return
    if (beginning.at === 'newer') {
      leftAlone.push(execution.id)
      assignments.leaveAlone([execution.id])
      continue
    }
    if (beginning.at === 'running' && beginning.handle.slot !== undefined) {
      used.add(beginning.handle.slot.id)
      pool.adopt(beginning.handle.slot)
    }
    begin(execution, assignments, beginning)
  }
  // A slot that nothing here knows may have a job of a newer release in it.
  const strangers = leftAlone.length > 0 ? [] : slots.filter(({ id }) => !used.has(id))
  if (leftAlone.length > 0) context.host.keepStrangers()
  for (const ref of strangers) pool.remove(ref)
  const running = begun.length + newer.length - leftAlone.length
  if (running + finished.length + waiting.length + strangers.length > 0)
    context.emit({
      event: 'runner:recovered',
      running,
      finished: finished.length,
      waiting: waiting.length,
      removed: strangers.length,
    })
}

function begin(execution: SpooledExecution, assignments: Assignments, beginning: Beginning): void {
  const { lease } = execution
  // `findInSpool` keeps none without one.
  if (lease !== undefined) assignments.begin(execution, lease, beginning)
}

/** Finds a job that may have been started, for as long as that takes; undefined: ended before that. */
async function beginningOf(
  execution: SpooledExecution,
  { host, emit, edges, back, over }: RunnerContext,
): Promise<Beginning | { at: 'newer' } | undefined> {
  const { state, directory } = execution
  if (state === undefined) return { at: 'lost', message: 'the record of its place is gone' }
  for (let failures = 0; !over.aborted; ) {
    const found = await host.backend.recover(state, directory, over)
    if (found.ok) return { at: 'running', handle: found.value }
    const { reason, message } = found.failure
    if (reason === 'lost') return { at: 'lost', message }
    if (reason === 'state-unknown') {
      emit({ event: 'notice', message: `execution ${execution.id} is left alone: ${message}` })
      return { at: 'newer' }
    }
    host.suspect(message)
    await pause(edges.clock, Math.min(longestWait, waitAfter(++failures, edges.chance.random())), back, over)
  }
  return undefined
}

/** All slots of this runner, for as long as that takes; undefined: ended before that. */
async function slotsOf({ host, edges, back, over }: RunnerContext): Promise<SlotRef[] | undefined> {
  for (let failures = 0; !over.aborted; ) {
    const listed = await host.backend.list()
    if (listed.ok) return listed.value
    host.suspect(listed.failure.message)
    await pause(edges.clock, Math.min(longestWait, waitAfter(++failures, edges.chance.random())), back, over)
  }
  return undefined
}
