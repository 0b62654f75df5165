/* The resources that the control groups of a systemd unit have used. */
import { accessSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defined } from '../result.ts'

export interface GroupUse {
  /** The seconds on all processors together. */
  cpuSeconds?: number
  /** The most memory at once, with the caches of files. */
  peakMemoryBytes?: number
}

/**
 * `groups`: the text of /proc/<pid>/cgroup of a process in the unit. A number that the kernel does not count
 * there is left out. `root`: where the hierarchies are mounted, those of version 1 by the names of their
 * controllers.
 */
export function useOfUnit(groups: string, unit: string, root = '/sys/fs/cgroup'): GroupUse {
  const lines = groups.split('\n').map(line => /^\d+:([^:]*):(.*)$/.exec(line))
  const own = lines.filter(line => line?.[2]?.endsWith(`/${unit}`))
  const fileOf = (controller: string, name: string): string | undefined => {
    const path = own.find(line => line?.[1]?.split(',').includes(controller))?.[2]
    return path === undefined ? undefined : textOf(join(root, controller, path, name))
  }
  const unified = own.find(line => line?.[1] === '')?.[2]
  const unifiedFile = (name: string) =>
    unified === undefined ? undefined : textOf(join(root, unified, name))
  const nanoseconds = numberIn(fileOf('cpuacct', 'cpuacct.usage'), /^(\d+)$/m)
  const microseconds = numberIn(unifiedFile('cpu.stat'), /^usage_usec (\d+)$/m)
  const peak = fileOf('memory', 'memory.max_usage_in_bytes') ?? unifiedFile('memory.peak')
  return defined({
    cpuSeconds: nanoseconds === undefined ? over(microseconds, 1e6) : over(nanoseconds, 1e9),
    peakMemoryBytes: numberIn(peak, /^(\d+)$/m),
  })
}

/**
 * Whether systemd can have the kernel count what units use: in a container the hierarchies are often
 * read-only, or without these controllers.
 */
export function countsUnits(root = '/sys/fs/cgroup'): boolean {
  const controllers = textOf(join(root, 'cgroup.controllers'))
  if (controllers !== undefined)
    return ['cpu', 'memory'].every(name => controllers.split(/\s/).includes(name))
  return ['cpuacct', 'memory'].every(name => isWritable(join(root, name)))
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

const over = (number: number | undefined, divisor: number) =>
  number === undefined ? undefined : number / divisor

function numberIn(text: string | undefined, pattern: RegExp): number | undefined {
  const digits = text === undefined ? undefined : pattern.exec(text)?.[1]
  return digits === undefined ? undefined : Number(digits)
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
