import { readdirSync } from 'node:fs'
import { readOrEmpty } from './read-or-empty.ts'

/** The living processes whose environment has `variable=value`, with their command lines. */
export function processesWith(variable: string, value: string): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .map(Number)
    .filter(pid => Number.isInteger(pid) && pid !== process.pid)
    .filter(pid => `\0${read(pid, 'environ')}`.includes(`\0${variable}=${value}\0`))
    .map(pid => ({ pid, command: read(pid, 'cmdline').split('\0').join(' ').trim() }))
}

/** Whether a process lives; a zombie does not. */
export function isAlive(pid: number): boolean {
  const stat = read(pid, 'stat')
  const state = stat.slice(stat.lastIndexOf(')') + 2)[0]
  return state !== undefined && state !== 'Z' && state !== 'X'
}

const read = (pid: number, file: string): string => readOrEmpty(`/proc/${pid}/${file}`)
