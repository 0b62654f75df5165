/*
 * Finds and kills the processes of a host job: its process tree, and with systemd everything in its cgroup.
 */
import type { Clock } from '../../../edges.ts'
import { findTree, type TreeRef } from '../../../process/tree.ts'
import { listProcesses, readProcFile } from '../../../system/proc.ts'

/**
 * Seconds between two looks at processes that are being killed, and seconds after which killing is given up.
 */
const looks = { every: 0.02, most: 10 }

/** The lines of `/proc/<pid>/cgroup`, one for each hierarchy. */
const cgroupsOf = (pid: number | 'self') => readProcFile(`${pid}/cgroup`).split('\n')

/**
 * The line of `/proc/self/cgroup` that ends with the name of a unit; undefined if this process does not run
 * in that unit. The host decides which hierarchy systemd uses, so every line is looked at.
 */
export function cgroupOfUnit(unit: string): string | undefined {
  return cgroupsOf('self').find(line => line.endsWith(`/${unit}`))
}

/** The processes of a cgroup and of the cgroups below it, without this process. */
function membersOf(cgroup: string): number[] {
  return listProcesses()
    .map(({ pid }) => pid)
    .filter(pid => cgroupsOf(pid).some(line => line === cgroup || line.startsWith(`${cgroup}/`)))
}

/**
 * Kills a process tree and a cgroup until none of their processes lives; resolves to the number that outlive
 * it.
 */
export async function killAll(tree: TreeRef, cgroup: string | undefined, clock: Clock): Promise<number> {
  const seen = new Map<number, string>()
  const until = clock.monotonic() + looks.most
  for (;;) {
    const living = new Set([...findTree(tree, seen), ...(cgroup === undefined ? [] : membersOf(cgroup))])
    if (living.size === 0 || clock.monotonic() >= until) return living.size
    for (const pid of living) sendSignal(pid, 'SIGKILL')
    await clock.sleep(looks.every)
  }
}

/** Sends a signal; does nothing if the process is gone. */
export function sendSignal(pid: number, signal: NodeJS.Signals | number): void {
  try {
    process.kill(pid, signal)
  } catch {
    // The process is gone, or belongs to another user; then the caller counts it among those that outlive the
    // kill.
  }
}
