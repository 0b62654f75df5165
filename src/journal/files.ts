import {
  accessSync,
  closeSync,
  constants,
  fsync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { replaced } from '../process/printable.ts'
import { unfitForRoot } from '../process/trust.ts'
import { errorCode, errorText } from '../result.ts'

/** Where records are kept. */
export interface StateDir {
  /** Absent where not even a temporary directory can be had: then nothing is kept. */
  path?: string
  /** Why it is not the directory that was asked for. */
  problem?: string
}

/** Makes sure that a state directory is there, mode 0700; takes a temporary one where that cannot be. */
export function openStateDir(wanted: string): StateDir {
  try {
    makeOwnDirectory(wanted, ['runs', 'locks'])
    makeDirectory(join(wanted, 'runs'))
    accessSync(join(wanted, 'runs'), constants.W_OK | constants.X_OK)
    return { path: wanted }
  } catch (error) {
    const problem = `the state directory ${wanted} cannot be used: ${errorText(error)}`
    return { ...temporary(), problem }
  }
}

/** Has a file, or the names in a directory, on disk, while this process goes on. Rejects with system errors. */
export async function syncBeside(path: string): Promise<void> {
  const fd = openSync(path, 'r')
  try {
    await promisify(fsync)(fd)
  } finally {
    closeSync(fd)
  }
}

/**
 * Makes a directory and those above it, mode 0700; one that is there is fine. Node's own recursive mkdir never
 * ends where a directory is there and none can be made in it, as in /proc.
 */
export function makeDirectory(path: string): void {
  const make = () => {
    try {
      mkdirSync(path, { mode: 0o700 })
    } catch (error) {
      if (errorCode(error) !== 'EEXIST' || !statSync(path).isDirectory()) throw error
    }
  }
  try {
    make()
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error
    makeDirectory(dirname(path))
    make()
  }
}

/**
 * The same for a directory in which root keeps its files, with directories in it: somebody else who may write there
 * could put links in the place of files. Throws an error that says what mends it.
 */
export function makeOwnDirectory(path: string, inside: readonly string[] = []): void {
  const refuse = () => {
    const problem = unfitForRoot([path, ...inside.map(name => join(path, name))])
    if (problem !== undefined) throw new Error(problem)
  }
  // Before it is made: a link above it could lead anywhere.
  refuse()
  makeDirectory(path)
  refuse()
}

function temporary(): { path?: string } {
  try {
    const path = mkdtempSync(join(tmpdir(), 'runner-'))
    mkdirSync(join(path, 'runs'), { mode: 0o700 })
    return { path }
  } catch {
    return {}
  }
}

/** The records of one run. */
export interface RunDir {
  id: number
  path: string
  inode: number
}

/** The directory of a run. */
export function runPath(state: string, id: number): string {
  return join(state, 'runs', String(id))
}

/** Makes the directory of a new run, whose id is one more than that of any before it. Throws system errors. */
export function newRunDir(state: string): RunDir {
  for (let id = (runIds(state).at(-1) ?? 0) + 1; ; id++) {
    const path = runPath(state, id)
    try {
      mkdirSync(path, { mode: 0o700 })
      return { id, path, inode: statSync(path).ino }
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
    }
  }
}

/**
 * Removes the oldest runs of a task directory, so that `keep` are left, and what is older than these and nobody's
 * any more. Runs of other chains in the same state directory stay, and the last run of the whole chain, which may
 * be gone on with. What cannot be removed stays.
 */
export function removeOldRuns(state: string, keep: number, taskDir: string): void {
  const runs = runIds(state).map(id => ({ id, ...beginningOf(runPath(state, id)) }))
  const own = runs.filter(run => run.taskDir === taskDir)
  const oldest = own.at(-keep)?.id ?? 0
  const whole = own.findLast(({ partial }) => !partial)?.id
  for (const { id, taskDir: owner } of runs) {
    if (id >= oldest || id === whole || (owner !== undefined && owner !== taskDir)) continue
    try {
      rmSync(runPath(state, id), { recursive: true, force: true })
    } catch {
      // The next run tries again.
    }
  }
}

/** The task directory of a run, and whether it was of some tasks only, as far as the beginning of its journal says. */
function beginningOf(runDir: string): { taskDir?: string; partial: boolean } {
  let fd: number
  try {
    fd = openSync(join(runDir, 'events.jsonl'), 'r')
  } catch {
    return { partial: false }
  }
  try {
    const beginning = Buffer.alloc(16384)
    const text = beginning.toString('utf8', 0, readSync(fd, beginning))
    const [, partial, quoted] = text.match(/"(partial":true,")?task_dir":("(?:[^"\\]|\\.)*")/) ?? []
    return {
      ...(quoted === undefined ? {} : { taskDir: JSON.parse(quoted) }),
      partial: partial !== undefined,
    }
  } catch {
    return { partial: false }
  } finally {
    closeSync(fd)
  }
}

/** The ids of the runs on record, ascending. */
export function runIds(state: string): number[] {
  try {
    const names = readdirSync(join(state, 'runs')).filter(name => /^[1-9][0-9]{0,14}$/.test(name))
    return names.map(Number).sort((a, b) => a - b)
  } catch {
    return []
  }
}

/** The file for the output of the `index`-th process of a run (from 1), named for a person who looks for it. */
export function logFileName(index: number, file: string, suffix: string): string {
  const safe = Buffer.from(replaced(file, '_').replaceAll('/', '_'))
    .subarray(0, 180)
    .toString()
    .replace(/�+$/, '')
  return `${String(index).padStart(3, '0')}-${safe}.${suffix}.log`
}
