/*
 * What a runner that is attached leaves for those who look for it: which process it is.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { startTicks } from '../process/tree.ts'
import { writeDurably } from './durable.ts'

export interface Presence {
  pid: number
  /** When the process started, so that another one with its number is not taken for it. */
  start_ticks: string
  server: string
  /** The process is a server too, which goes on when its runner has stopped. */
  beside_server?: true
}

const fileOf = (stateDir: string) => join(stateDir, 'attached.json')

/** Throws system errors. */
export function writePresence(stateDir: string, presence: Presence): void {
  writeDurably(fileOf(stateDir), `${JSON.stringify(presence)}\n`)
}

/** Nobody is attached any more. */
export function removePresence(stateDir: string): void {
  try {
    rmSync(fileOf(stateDir), { force: true })
  } catch {
    // The end of the process says the same.
  }
}

/** The process that is attached with a state directory; undefined where none lives. */
export function readPresence(stateDir: string): Presence | undefined {
  try {
    const presence = JSON.parse(readFileSync(fileOf(stateDir), 'utf8')) as Presence
    return startTicks(presence.pid) === presence.start_ticks ? presence : undefined
  } catch {
    return undefined
  }
}
