import type { Clock } from '../edges.ts'
import type { ProcessFact } from '../event.ts'
import { commandLine, listProcesses, readProcFile } from '../system/proc.ts'
import { sleepRunning } from './standstill.ts'

/**
 * Names all processes that a try or a hook started: its process group, the descendants of its leader by
 * parent pid, and every process whose environment carries its id. A daemon that left its parents and its
 * group and cleared its environment is out of reach.
 */
export interface TreeRef {
  /** The pid of the leader, and the id of its group and session; absent where it is not known. */
  leader?: number | undefined
  /** When the leader started, where its pid may be another process's by now (`startTicks`). */
  leaderStarted?: string | undefined
  /** The value of RUNNER_TRY_ID or RUNNER_HOOK_ID that its processes carry, if they do. */
  id?: string | undefined
}

/**
 * The living processes of a tree; zombies do not count. Empty where there is no /proc. `seen` remembers them
 * by pid and start: a process that was found once stays in the tree, even when its parent is gone.
 */
export function findTree({ leader, leaderStarted, id }: TreeRef, seen = new Map<number, string>()): number[] {
  const processes = listProcesses()
  const now = processes.find(({ pid }) => pid === leader)
  if (leaderStarted !== undefined && now !== undefined && now.started !== leaderStarted) leader = undefined
  const found = new Set<number>()
  for (const { pid, group, started } of processes) {
    const known = group === leader || pid === leader || seen.get(pid) === started
    if (known || (id !== undefined && carries(pid, id))) found.add(pid)
  }
  const children = Map.groupBy(processes, process => process.parent)
  for (const pid of found) for (const child of children.get(pid) ?? []) found.add(child.pid)
  for (const { pid, started } of processes) if (found.has(pid)) seen.set(pid, started)
  return [...found]
}

function carries(pid: number, id: string): boolean {
  const environment = `\0${readProcFile(`${pid}/environ`)}`
  return ['TRY', 'HOOK'].some(what => environment.includes(`\0RUNNER_${what}_ID=${id}\0`))
}

const commandOf = (pid: number) => (commandLine(pid) ?? '?').slice(0, 200)

/** The end of a tree. */
export interface TreeEnd {
  /** All processes that got a signal. */
  killed: ProcessFact[]
  /** Processes that still lived after SIGKILL and a wait. */
  survivors: ProcessFact[]
}

/** Seconds between two looks at a tree that is being ended. */
const lookEvery = 0.02
/** The least time that the kernel gets to carry out a SIGKILL, in seconds, even if `kill_grace` is 0. */
const leastKillTime = 1

/**
 * Ends a tree: `signal` once to each of its processes, then `grace` seconds of waiting (which `hurry` ends),
 * then SIGKILL again and again until no process of it lives, for `grace` seconds at the most. A tree without
 * a process is not an error.
 */
export async function endTree(
  tree: TreeRef,
  {
    signal,
    grace,
    clock,
    hurry,
  }: { signal: NodeJS.Signals; grace: number; clock: Clock; hurry: AbortSignal },
): Promise<TreeEnd> {
  const killed = new Map<number, ProcessFact>()
  const send = (pids: number[], what: NodeJS.Signals) => {
    for (const pid of pids) {
      if (!killed.has(pid)) killed.set(pid, { pid, command: commandOf(pid) })
      try {
        process.kill(pid, what)
      } catch {
        // The process has ended, or it belongs to another user: then it shows among the survivors.
      }
    }
  }

  const seen = new Map<number, string>()
  let living = findTree(tree, seen)
  send(living, signal)
  for (let left = grace; living.length > 0 && left > 0 && !hurry.aborted; living = findTree(tree, seen))
    left -= await sleepRunning(clock, Math.min(lookEvery, left), hurry)
  for (
    let left = Math.max(grace, leastKillTime);
    living.length > 0 && left > 0;
    living = findTree(tree, seen)
  ) {
    send(living, 'SIGKILL')
    left -= await sleepRunning(clock, lookEvery)
  }
  const survivors = living.map(pid => killed.get(pid) ?? { pid, command: commandOf(pid) })
  return { killed: [...killed.values()], survivors }
}
