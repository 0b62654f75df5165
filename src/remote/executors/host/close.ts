import { readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { defined, errorText, fail, ok, type Result } from '../../../result.ts'
import { ifThere } from '../../../system/if-there.ts'
import { removeTree } from '../../../system/remove-tree.ts'
import type { Failure } from '../executor.ts'
import { isAlive, JobDirectory } from './job-directory.ts'
import type { HostOptions } from './options.ts'
import type { HostPaths } from './paths.ts'
import { killAll, sendSignal } from './processes.ts'

/**
 * Ends all jobs of a slot at once. The claim keeps a supervisor that has not begun from starting its job; a
 * supervisor that has begun is killed before its job.
 */
export async function closeJobs(
  jobs: string,
  { launcher, edges }: Pick<HostOptions, 'launcher' | 'edges'>,
): Promise<Result<void, Failure>> {
  for (const name of ifThere(() => readdirSync(jobs)) ?? []) {
    const directory = new JobDirectory(join(jobs, name))
    try {
      if (directory.exit !== undefined || directory.makeClaim({ by: 'runner' })) continue
    } catch (error) {
      return filesLeft(errorText(error))
    }
    const { claim, order, leader } = directory
    if (claim?.by !== 'supervisor') continue
    if (order?.unit !== undefined) await launcher.kill(order.unit)
    if (isAlive(claim.supervisor)) sendSignal(claim.supervisor.pid, 'SIGKILL')
    const tree = defined({ leader: leader?.pid, leaderStarted: leader?.ticks, id: order?.nonce })
    const left = await killAll(tree, undefined, edges.clock)
    if (left > 0)
      return fail({
        reason: 'executor-lost',
        retry: 'soon',
        message: `${left} processes of a job outlive SIGKILL`,
      })
  }
  return ok(undefined)
}

/**
 * Removes the directory of a slot whose jobs have ended. Its jobs disappear in one step first: the part of a
 * job's files that a removal has left so far looks like a job that was never ordered.
 */
export async function removeSlot(
  paths: HostPaths,
  slotId: string,
  { edges }: Pick<HostOptions, 'edges'>,
): Promise<Result<void, Failure>> {
  try {
    ifThere(() => renameSync(paths.jobs(slotId), paths.closed(slotId, edges.chance.id())))
  } catch (error) {
    return filesLeft(errorText(error))
  }
  const removed = await removeTree(paths.slot(slotId))
  return removed.ok ? removed : filesLeft(removed.failure)
}

const filesLeft = (message: string) =>
  fail({ reason: 'files-left', message, retry: 'soon' } satisfies Failure)
