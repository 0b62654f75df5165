/*
 * The spool: the record of each execution on disk. Each execution has a directory, and each step is a file
 * that is written before anything follows from the step; the file is synced before anything that a crash of
 * the host could make untrue. An incomplete file counts as missing. So a runner that is killed at any moment
 * leaves enough for the next one.
 *
 *   job.json      what is to be done, secrets too, and by what right   it may be this runner's
 *   placing.json  where it is to run                                   in this boot it has not started
 *   place.json    the same, renamed right before it is started         it may have started
 *   end.json      what it came to                                      to be delivered
 *
 * Beside these, the backend that ran the job keeps its files here (executor.ts). spool-format.ts has the
 * contents of the files.
 */
import { mkdirSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { errorCode } from '../../result.ts'
import { makeDirectory, writeFirst } from '../../system/durable-file.ts'
import { removeTree } from '../../system/remove-tree.ts'
import { pathPart } from '../path-part.ts'
import type { AssignedJob, Lease } from './job.ts'
import { jobText, readJob } from './spool-format.ts'
import { SpooledExecution } from './spooled-execution.ts'

/** The content of a spool. */
export interface SpoolContents {
  executions: SpooledExecution[]
  /** Directories whose record is not whole. */
  damaged: string[]
  /** Directories in which a newer release has written. */
  newer: string[]
}

/** All executions of a runner. */
export class Spool {
  readonly #root: string

  /** Throws system errors where the directory cannot be made. */
  constructor(root: string) {
    this.#root = root
    makeDirectory(root)
  }

  /**
   * Puts an execution on record, for a crash of this process alone (`makeLast` does the rest); of one that is
   * there already only the lease is another. Throws system errors, after which it can be tried again, and
   * where its id is not one, or a newer release has written its record.
   */
  add(job: AssignedJob, lease?: Lease): SpooledExecution {
    const directory = join(this.#root, pathPart(job.execution_id))
    if (!makeAnew(directory)) {
      const known = executionIn(directory)
      if (known === 'newer') throw new Error(newerText(directory))
      if (known !== undefined) {
        if (lease !== undefined) known.writeLease(lease)
        return known
      }
    }
    writeFirst(join(directory, 'job.json'), jobText({ job, lease }))
    return new SpooledExecution(directory, { job, lease })
  }

  all(): SpoolContents {
    const contents: SpoolContents = { executions: [], damaged: [], newer: [] }
    for (const name of readdirSync(this.#root)) {
      const directory = join(this.#root, name)
      const known = executionIn(directory)
      if (known === 'newer') contents.newer.push(directory)
      else if (known === undefined) contents.damaged.push(directory)
      else contents.executions.push(known)
    }
    return contents
  }
}

/** The message about a directory in which a newer release has written. */
export const newerText = (directory: string): string =>
  `${directory} was written by a newer release of runner, so it is left as it is: ` +
  'start that release again to have its result delivered'

/** The execution in a directory; undefined where its record is not whole, or that of another directory. */
function executionIn(directory: string): SpooledExecution | 'newer' | undefined {
  const record = readJob(join(directory, 'job.json'))
  if (record === 'newer') return 'newer'
  if (record?.job.execution_id !== basename(directory)) return undefined
  const execution = new SpooledExecution(directory, record)
  return execution.isNewer ? 'newer' : execution
}

/** Removes all executions; `discard` removes the files that a backend keeps elsewhere. */
export async function removeSpool(
  stateDir: string,
  discard: (execution: SpooledExecution) => Promise<unknown>,
): Promise<void> {
  const root = join(stateDir, 'spool')
  for (const name of namesInSpool(stateDir)) {
    const execution = executionIn(join(root, name))
    if (execution instanceof SpooledExecution) await discard(execution)
  }
  await removeTree(root)
}

/** Makes a directory; false: it is there already. Throws other system errors. */
function makeAnew(path: string): boolean {
  try {
    mkdirSync(path, { mode: 0o700 })
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}

/** The ids of the executions in the spool of a state directory. */
export function namesInSpool(stateDir: string): string[] {
  try {
    return readdirSync(join(stateDir, 'spool'))
  } catch {
    return []
  }
}
