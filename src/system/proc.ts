/*
 * Everything that this program reads of /proc (proc(5)). A file that is gone, or that this user may not read,
 * reads as empty: a process may end between two reads. Where there is no /proc, nothing is known of any
 * process.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'

export interface Process {
  pid: number
  parent: number
  group: number
  /** The start in clock ticks since boot, as text; with the pid it names a process for good. */
  started: string
}

/** When a process started, in clock ticks since boot, as text; with the pid it names a process for good. */
export function startTicks(pid: number): string {
  return statFields(pid)[19] ?? ''
}

/** Whether a child of this process has ended and has not been waited for yet. */
export function isZombie(pid: number): boolean {
  return isEnded(statFields(pid)[0])
}

/** All processes but this one and zombies. */
export function listProcesses(): Process[] {
  return pids().flatMap(pid => {
    const [state = '', parent, group, ...rest] = statFields(pid)
    if (state === '' || isEnded(state)) return []
    return [{ pid, parent: Number(parent), group: Number(group), started: rest[16] ?? '' }]
  })
}

/** The pids of all processes but this one. */
export function pids(): number[] {
  return listProc('.')
    .map(Number)
    .filter(pid => Number.isInteger(pid) && pid !== process.pid)
}

/**
 * The words of a process's command line with blanks between them, else its name; undefined where neither is
 * known.
 */
export function commandLine(pid: number): string | undefined {
  const words = readProcFile(`${pid}/cmdline`).split('\0').join(' ').trim()
  return words || readProcFile(`${pid}/comm`).trim() || undefined
}

/** The number of files that this process may have open; Infinity if the system does not tell. */
export function openFileLimit(): number {
  const limit = /^Max open files +(\d+)/m.exec(readProcFile('self/limits'))?.[1]
  return Number(limit ?? Number.POSITIVE_INFINITY)
}

/**
 * A path that leads to the file behind a descriptor of this process, even if the file has been moved or
 * removed.
 */
export const pathOfDescriptor = (fd: number): string => `/proc/self/fd/${fd}`

/** The names in a directory of /proc. */
export function listProc(path: string): string[] {
  try {
    return readdirSync(`/proc/${path}`)
  } catch {
    return []
  }
}

export function readProcFile(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    return ''
  }
}

/** Rejects with system errors. The kernel may let a reader wait for as long as the process holds a lock. */
export function listProcSlowly(path: string): Promise<string[]> {
  return readdir(`/proc/${path}`)
}

/** Does the same as `readProcFile`, for files of processes by which the kernel may let a reader wait. */
export async function readProcFileSlowly(path: string): Promise<string> {
  try {
    return await readFile(`/proc/${path}`, 'utf8')
  } catch {
    return ''
  }
}

/**
 * The fields of `stat` from the state on: "pid (command) state ppid pgrp …", and a command may hold
 * parentheses.
 */
function statFields(pid: number): string[] {
  const stat = readProcFile(`${pid}/stat`)
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

const isEnded = (state = '') => /^[ZX]/.test(state)
