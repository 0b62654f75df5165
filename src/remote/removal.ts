/* What a runner does that an operator has deleted. */
import { rmdirSync } from 'node:fs'
import { pause } from './bell.ts'
import { labels } from './executors/container-settings.ts'
import { forgetWork } from './identity.ts'
import type { Room } from './room.ts'
import type { Work } from './work.ts'

/** Seconds for an engine, where only containers are to be removed. */
const patience = 60

/** Whose it is and where. */
export interface Belongings {
  uuid: string
  state_dir: string
  work_dir: string
}

/**
 * Ends all jobs at once, and removes containers, spool and session; who it is stays, so that it can be allowed again.
 * `end` ends all loops.
 */
export async function removeAll(
  room: Room,
  work: Work,
  { uuid, state_dir, work_dir }: Belongings,
  end: () => void,
): Promise<void> {
  await Promise.all(work.assignments.map(assignment => assignment.kill()))
  const left = await removeExecutors(room)
  end()
  await forgetWork(state_dir)
  try {
    // What else is in it is not ours.
    rmdirSync(work_dir)
  } catch {
    // Another runner's, or a person's.
  }
  room.emit({
    event: 'notice',
    message:
      left === undefined
        ? `all that belonged to runner ${uuid} has been removed`
        : `not all that belonged to runner ${uuid} has been removed: ${left}; start it once more to have its containers removed, or remove those with the label ${labels.runner}=${uuid}`,
  })
}

/** Removes all containers, those of earlier processes too; resolves to what was in the way after a minute. */
async function removeExecutors({ host, edges, changed, over }: Room): Promise<string | undefined> {
  const end = edges.clock.monotonic() + patience
  for (;;) {
    const { workshop } = host
    let problem = host.problem ?? 'the engine has not been looked at yet'
    if (workshop !== undefined) {
      const all = await workshop.executors.adopt()
      const removed = all.ok ? await Promise.all(all.value.map(executor => executor.remove())) : [all]
      const failed = removed.find(one => !one.ok)
      if (failed === undefined || failed.ok) return undefined
      problem = failed.failure.message
    }
    if (edges.clock.monotonic() >= end) return problem
    await pause(edges.clock, 1, changed, over)
  }
}
