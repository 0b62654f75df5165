/*
 * Containers of a command, which go when it ends. Beside them it has a directory in the state directory, named after its
 * process: by that the next command finds what is left of one that was killed.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { makeDirectory } from '../journal/files.ts'
import { startTicks } from '../process/tree.ts'
import { fail, type Result } from '../result.ts'
import { DockerExecutors } from './executors/docker.ts'
import type { DockerOptions } from './executors/docker-executor.ts'
import { removeTree } from './executors/remove-tree.ts'

/** Where the directories of such commands are. */
export const guestsIn = (stateDir: string) => join(stateDir, 'plugin-run')

/**
 * Does work in containers of this process, then removes all of them; before that, what is left of others. `onLeft` hears
 * what could not be removed. Throws system errors.
 */
export async function asGuest<T>(
  stateDir: string,
  parts: Omit<DockerOptions, 'runnerId'>,
  onLeft: (message: string) => void,
  work: (options: DockerOptions) => Promise<T>,
): Promise<T> {
  const all = guestsIn(stateDir)
  const own = `${process.pid}-${startTicks(process.pid)}`
  const optionsOf = (name: string): DockerOptions => ({ ...parts, runnerId: `plugin-run-${name}` })
  const clear = (name: string) => removeAll(optionsOf(name), join(all, name))
  makeDirectory(parts.workDir)
  makeDirectory(join(all, own))
  try {
    for (const name of readdirSync(all)) {
      const [pid, ticks] = name.split('-')
      // What cannot be removed now stays for the next one.
      if (startTicks(Number(pid)) !== ticks) await clear(name)
    }
    return await work(optionsOf(own))
  } finally {
    const cleared = await clear(own)
    if (!cleared.ok) onLeft(cleared.failure)
  }
}

/** Removes the containers of a command, and when all have gone its directory. */
async function removeAll(options: DockerOptions, directory: string): Promise<Result<void, string>> {
  const left = await new DockerExecutors(options).adopt()
  if (!left.ok) return fail(left.failure.message)
  const removed = await Promise.all(left.value.map(executor => executor.remove()))
  const failed = removed.find(result => !result.ok)
  return failed === undefined ? removeTree(directory) : fail(failed.failure.message)
}
