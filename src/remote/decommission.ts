/* Decommissions a runner that an operator has deleted. */
import { existsSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../edges.ts'
import { removeTree } from '../system/remove-tree.ts'
import { pause } from '../system/wait.ts'
import type { RunnerContext } from './context.ts'
import type { KeptFiles } from './executors/executor.ts'
import { keptFiles, slotsTextOf } from './executors/open.ts'
import type { Assignments } from './job/assignments.ts'
import { namesInSpool, removeSpool } from './job/spool.ts'
import type { SpooledExecution } from './job/spooled-execution.ts'
import { removeIdentity, uuidOf } from './link/identity.ts'

/** Seconds for a backend of which only slots are to be closed. */
const timeout = 60

/** The runner whose files are removed, and their places. */
export interface RunnerFiles {
  uuid: string
  state_dir: string
  work_dir: string
}

/**
 * Ends all jobs at once, and removes containers, spool and session. The identity stays, so that an operator
 * can allow the runner again. `end` ends all loops.
 */
export async function decommission(
  context: RunnerContext,
  assignments: Assignments,
  { uuid, state_dir, work_dir }: RunnerFiles,
  end: () => void,
): Promise<void> {
  await Promise.all(assignments.all.map(assignment => assignment.kill()))
  const left = await closeSlots(context)
  end()
  await forgetWork(state_dir, ({ state, directory }) => state && context.host.backend.kept(state, directory))
  try {
    // The directory stays if it has files of others.
    rmdirSync(work_dir)
  } catch {
    // Another runner's, or a person's, files are in it.
  }
  context.emit({
    event: 'notice',
    message:
      left === undefined
        ? `all that belonged to runner ${uuid} has been removed`
        : `not all that belonged to runner ${uuid} has been removed: ${left}; ` +
          `start the runner once more to have it removed, or remove ${context.host.backend.slotsText}`,
  })
}

/**
 * Closes all slots, those of earlier processes too; resolves to the obstacle, if there still is one after a
 * minute.
 */
async function closeSlots({ host, edges, changed, over }: RunnerContext): Promise<string | undefined> {
  const end = edges.clock.monotonic() + timeout
  for (;;) {
    let problem = host.problem ?? host.untried
    if (host.runtime !== undefined) {
      const all = await host.backend.list()
      const closed = all.ok ? await Promise.all(all.value.map(ref => host.backend.close(ref))) : [all]
      const failed = closed.find(one => !one.ok)
      if (failed === undefined || failed.ok) return undefined
      problem = failed.failure.message
    }
    if (edges.clock.monotonic() >= end) return problem
    await pause(edges.clock, 1, changed, over)
  }
}

/**
 * Removes an identity and what belongs to it, so that the next start makes another. Resolves to a sentence on
 * what is given up by that, if anything. Throws system errors.
 */
export async function forgetIdentity(
  { state_dir: stateDir, work_dir: workDir }: Omit<RunnerFiles, 'uuid'>,
  clock: Clock,
): Promise<string | undefined> {
  const uuid = uuidOf(stateDir)
  const owner = { runnerId: uuid ?? '', workDir, clock }
  const lost = workLeft(stateDir)
  const slots = uuid === undefined ? '' : `; its jobs that still run continue: remove ${slotsTextOf(owner)}`
  removeIdentity(stateDir)
  await forgetWork(stateDir, ({ state, directory }) => state && keptFiles(state, directory, owner))
  return lost && `${lost}${slots}`
}

function workLeft(stateDir: string): string | undefined {
  const assignments = namesInSpool(stateDir).map(name =>
    existsSync(join(stateDir, 'spool', name, 'end.json')),
  )
  if (assignments.length === 0) return undefined
  const results = assignments.filter(hasEnded => hasEnded).length
  return (
    `the former identity is given up: jobs that had not ended: ${assignments.length - results}, ` +
    `results that were not delivered: ${results}`
  )
}

/** Removes what belongs to the jobs of an identity; the identity stays. */
async function forgetWork(
  stateDir: string,
  filesOf: (execution: SpooledExecution) => KeptFiles | undefined,
): Promise<void> {
  await removeSpool(stateDir, async execution => filesOf(execution)?.discard())
  await removeTree(join(stateDir, 'session.json'))
}
