/*
 * The pid file, by which `runner drain` and others find the process of the attached runner.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { writeDurably } from '../../system/durable-file.ts'
import { startTicks } from '../../system/proc.ts'

export interface PidFile {
  pid: number
  /** When the process started: tells it from a later process with the same pid. */
  start_ticks: string
  server: string
  /** The process is a server too, which keeps running after its runner has stopped. */
  beside_server?: true
}

const fileOf = (stateDir: string) => join(stateDir, 'attached.json')

/** Throws system errors. */
export function writePidFile(stateDir: string, pidFile: PidFile): void {
  writeDurably(fileOf(stateDir), `${JSON.stringify(pidFile)}\n`)
}

/** Removes the pid file when the runner has ended. */
export function removePidFile(stateDir: string): void {
  try {
    rmSync(fileOf(stateDir), { force: true })
  } catch {
    // A reader of the file sees that the process is gone.
  }
}

/** The process of the runner that is attached with a state directory; undefined if no such process lives. */
export function readPidFile(stateDir: string): PidFile | undefined {
  try {
    const pidFile = JSON.parse(readFileSync(fileOf(stateDir), 'utf8')) as PidFile
    return startTicks(pidFile.pid) === pidFile.start_ticks ? pidFile : undefined
  } catch {
    return undefined
  }
}
