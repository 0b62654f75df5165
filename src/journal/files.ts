import {
  accessSync,
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { errorCode, errorText } from '../result.ts'
import { makeDirectory } from '../system/durable-file.ts'
import { replaced } from '../system/printable.ts'
import { unfitForRoot } from '../system/trust.ts'

/** The directory of the records. */
export interface StateDir {
  /** Absent where not even a temporary directory can be made: then no record is kept. */
  path?: string
  /** The reason why it is not the directory that was asked for. */
  problem?: string
}

/** Makes a state directory with mode 0700, or a temporary one where that fails. */
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

/**
 * Makes a directory in which root keeps its files, and directories in it. Throws an error with the remedy if
 * another user may write there: that user could put links in the place of files.
 */
export function makeOwnDirectory(path: string, inside: readonly string[] = []): void {
  const refuse = () => {
    const problem = unfitForRoot([path, ...inside.map(name => join(path, name))])
    if (problem !== undefined) throw new Error(problem)
  }
  // The first check comes before the directory is made: a link above it could lead anywhere.
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

/**
 * Makes the directory of a new run, whose id is one more than that of any before it. Throws system errors.
 */
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
 * Removes the oldest runs of a task directory, so that `keep` of them are left, and older directories whose
 * task directory is not known. Runs of other chains in the same state directory stay, and so does the last
 * run of the whole chain: it may be resumed. Directories that cannot be removed stay.
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

/**
 * The task directory of a run, and whether only some of the tasks were asked for, by the beginning of its
 * journal.
 */
function beginningOf(runDir: string): { taskDir?: string | undefined; partial: boolean } {
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
    const taskDir: string | undefined = quoted === undefined ? undefined : JSON.parse(quoted)
    return { taskDir, partial: partial !== undefined }
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

/**
 * The file for the output of the `index`-th process of a run (from 1), named for a person who looks for it.
 */
export function logFileName(index: number, file: string, suffix: string): string {
  const safe = Buffer.from(replaced(file, '_').replaceAll('/', '_'))
    .subarray(0, 180)
    .toString()
    .replace(/�+$/, '')
  return `${String(index).padStart(3, '0')}-${safe}.${suffix}.log`
}
