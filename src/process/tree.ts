import { readdirSync, readFileSync } from 'node:fs'
import type { Clock } from '../edges.ts'
import type { ProcessFact } from '../event.ts'
import { sleepRunning } from './standstill.ts'

/**
 * Names all that a try or a hook started: its process group, the descendants of its leader by parent pid, and
 * every process whose environment carries its id. A daemon that left its parents and its group and cleared
 * its environment is out of reach.
 */
export interface TreeRef {
  /** The pid of the leader, and the id of its group and session; absent where it is not known. */
  leader?: number
  /** When the leader started, where its pid may be another process's by now (`startTicks`). */
  leaderStarted?: string
  /** The value of RUNNER_TRY_ID or RUNNER_HOOK_ID that its processes carry, if they do. */
  id?: string
}

interface Process {
  pid: number
  parent: number
  group: number
  /** In clock ticks since boot, as text; with the pid it names a process for good. */
  started: string
}

/**
 * The living processes of a tree; zombies do not count. Empty where there is no /proc. `seen` remembers them by
 * pid and start: who was found once stays in the tree, also when its parent is gone.
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

/** When a process started, in clock ticks since boot, as text; with the pid it names a process for good. */
export function startTicks(pid: number): string {
  const stat = readProcFile(`${pid}/stat`)
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
}

/** Whether a child of this process has ended and has not been waited for yet. False where there is no /proc. */
export function isZombie(pid: number): boolean {
  const stat = readProcFile(`${pid}/stat`)
  return /^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
}

/** Everything but this process and zombies. */
function listProcesses(): Process[] {
  const processes: Process[] = []
  for (const entry of readProc('.')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    const stat = readProcFile(`${pid}/stat`)
    // "pid (command) state ppid pgrp …": the command may hold anything, parentheses too (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state, parent, group] = fields
    if (state === undefined || state === '' || state === 'Z' || state === 'X') continue
    processes.push({ pid, parent: Number(parent), group: Number(group), started: fields[19] ?? '' })
  }
  return processes
}

function carries(pid: number, id: string): boolean {
  const environment = `\0${readProcFile(`${pid}/environ`)}`
  return ['TRY', 'HOOK'].some(what => environment.includes(`\0RUNNER_${what}_ID=${id}\0`))
}

function commandOf(pid: number): string {
  const words = readProcFile(`${pid}/cmdline`).split('\0').join(' ').trim()
  return (words || readProcFile(`${pid}/comm`).trim() || '?').slice(0, 200)
}

function readProc(path: string): string[] {
  try {
    return readdirSync(`/proc/${path}`)
  } catch {
    return []
  }
}

/** Empty when the process is gone or not ours to read. */
function readProcFile(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return ''
  }
}

/** How a tree was ended. */
export interface TreeEnd {
  /** All that got a signal. */
  killed: ProcessFact[]
  /** What still lived after SIGKILL and a wait. */
  survivors: ProcessFact[]
}

/** Seconds between two looks at a tree that is being ended. */
const lookEvery = 0.02
/** Seconds that even a `kill_grace` of 0 leaves the kernel to carry out a SIGKILL. */
const leastPatience = 1

/**
 * Ends a tree: `signal` once to each of its processes, `grace` seconds of patience (none any more when `hurry`
 * aborts), then SIGKILL again and again until nothing of it lives, for `grace` seconds at the most. A tree that
 * is not there is no error.
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
        // Gone in between, or not ours to end: then it shows among the survivors.
      }
    }
  }

  const seen = new Map<number, string>()
  let living = findTree(tree, seen)
  send(living, signal)
  for (let left = grace; living.length > 0 && left > 0 && !hurry.aborted; living = findTree(tree, seen))
    left -= await sleepRunning(clock, Math.min(lookEvery, left), hurry)
  for (
    let left = Math.max(grace, leastPatience);
    living.length > 0 && left > 0;
    living = findTree(tree, seen)
  ) {
    send(living, 'SIGKILL')
    left -= await sleepRunning(clock, lookEvery)
  }
  const survivors = living.map(pid => killed.get(pid) ?? { pid, command: commandOf(pid) })
  return { killed: [...killed.values()], survivors }
}
