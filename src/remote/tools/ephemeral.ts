/*
 * A runner for the length of one command, whose slots go when the command ends. It has a directory in the
 * state directory, named after its process: by that the next command finds what is left of one that was
 * killed.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fail, type Result } from '../../result.ts'
import { makeDirectory } from '../../system/durable-file.ts'
import { startTicks } from '../../system/proc.ts'
import { removeTree } from '../../system/remove-tree.ts'
import type { ExecutorBackend } from '../executors/executor.ts'

export interface EphemeralOptions {
  stateDir: string
  workDir: string
  /** The backend of a runner with that id. */
  backendOf(runnerId: string): ExecutorBackend
  /** Hears what could not be removed. */
  onLeft(message: string): void
}

/** Where the directories of such commands are. */
export const ephemeralIn = (stateDir: string) => join(stateDir, 'plugin-run')

/**
 * Does work in slots of this process, then closes all of them; before that, it closes slots that other
 * processes have left. `directory` goes with them. Throws system errors.
 */
export async function asEphemeralRunner<T>(
  { stateDir, workDir, backendOf, onLeft }: EphemeralOptions,
  work: (backend: ExecutorBackend, directory: string) => Promise<T>,
): Promise<T> {
  const all = ephemeralIn(stateDir)
  const own = `${process.pid}-${startTicks(process.pid)}`
  const backendFor = (name: string) => backendOf(`plugin-run-${name}`)
  makeDirectory(workDir)
  makeDirectory(join(all, own))
  const backend = backendFor(own)
  try {
    for (const name of readdirSync(all)) {
      const [pid, ticks] = name.split('-')
      // Containers that cannot be removed now stay for the next start.
      if (startTicks(Number(pid)) !== ticks) await removeAll(backendFor(name), join(all, name))
    }
    return await work(backend, join(all, own))
  } finally {
    const removed = await removeAll(backend, join(all, own))
    if (!removed.ok) onLeft(removed.failure)
  }
}

/** Closes the slots of a command, and when all have gone removes its directory. */
async function removeAll(backend: ExecutorBackend, directory: string): Promise<Result<void, string>> {
  const left = await backend.list()
  if (!left.ok) return fail(left.failure.message)
  const closed = await Promise.all(left.value.map(ref => backend.close(ref)))
  const failed = closed.find(result => !result.ok)
  return failed === undefined ? removeTree(directory) : fail(failed.failure.message)
}
