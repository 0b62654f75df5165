/*
 * What earlier processes have left: what the spool says, and the containers that carry this runner's name. They are
 * matched, and every execution is taken up where it is.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { waitAfter } from './backoff.ts'
import { pause } from './bell.ts'
import type { Workshop } from './executor-host.ts'
import type { Executor } from './executors/executor.ts'
import { removeTree } from './executors/remove-tree.ts'
import type { Room } from './room.ts'
import type { Execution, Spool } from './spool.ts'
import type { Work } from './work.ts'

/** What is in the spool at the start. */
export interface Found {
  /** They have ended: their results wait for the server. */
  finished: Execution[]
  /** They may have been handed over to an executor. */
  begun: Execution[]
  /** They were not. */
  waiting: Execution[]
}

/** Looks at the spool; what was never this runner's is removed. */
export async function findInSpool(spool: Spool, room: Room): Promise<Found> {
  const { executions, damaged } = spool.all()
  const found: Found = { finished: [], begun: [], waiting: [] }
  for (const directory of damaged) {
    // What breaks off was not confirmed, unless more follows.
    if (!['place.json', 'end.json'].some(name => existsSync(join(directory, name))))
      await removeTree(directory)
    else
      room.emit({
        event: 'notice',
        message: `what is in ${directory} cannot be read; nothing is done with it`,
      })
  }
  for (const execution of executions) {
    if (execution.lease === undefined) await execution.remove()
    else if (execution.end !== undefined) found.finished.push(execution)
    else if (execution.mayHaveStarted) found.begun.push(execution)
    else {
      // Its executor goes, with what was put there for it.
      if (execution.place !== undefined) execution.clearPlace()
      found.waiting.push(execution)
    }
  }
  return found
}

/** Delivers what has ended: no engine is needed for that. */
export async function recoverEnded({ finished }: Found, work: Work): Promise<void> {
  for (const execution of finished) {
    await execution.tidy()
    work.begin(execution, execution.lease!, { at: 'delivering' })
  }
}

/** Takes up what was begun, and removes containers that belong to nothing. Settles when all of them are matched. */
export async function recoverBegun(
  { begun, waiting, finished }: Found,
  workshop: Workshop,
  work: Work,
  room: Room,
): Promise<void> {
  const executors = await adoptAll(workshop, room)
  if (executors === undefined) return
  for (const execution of waiting) work.begin(execution, execution.lease!, { at: 'confirming' })
  const used = new Set<string>()
  for (const execution of begun) {
    const executor = executors.get(execution.place!.executor_id)
    if (executor !== undefined) {
      used.add(executor.id)
      workshop.pool.adopt(executor)
    }
    work.begin(execution, execution.lease!, { at: 'running', executor })
  }
  const strangers = [...executors.values()].filter(({ id }) => !used.has(id))
  for (const executor of strangers) workshop.pool.remove(executor)
  const [running, ended] = [begun.length, finished.length]
  if (running + ended + waiting.length + strangers.length > 0)
    room.emit({
      ...{ event: 'runner:recovered', running, finished: ended, waiting: waiting.length },
      removed: strangers.length,
    })
}

async function adoptAll(workshop: Workshop, room: Room): Promise<Map<string, Executor> | undefined> {
  const { edges, host, over } = room
  for (let failures = 0; !over.aborted; ) {
    const adopted = await workshop.executors.adopt()
    if (adopted.ok) return new Map(adopted.value.map(executor => [executor.id, executor]))
    host.suspect(adopted.failure.message)
    await pause(edges.clock, Math.min(10, waitAfter(++failures, edges.chance.random())), room.back, over)
  }
  return undefined
}
