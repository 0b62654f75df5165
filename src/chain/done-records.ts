import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { TaskSettings } from '../config/sections/task.ts'
import { errorCode, errorText, fail, ok, type Result } from '../result.ts'
import { makeDirectory, sync, writeDurably } from '../system/durable-file.ts'
import type { Digest } from './contents.ts'

/** The facts by which a later run decides whether a task is done. */
export interface DoneFacts {
  boot_id: string
  /** Absent where it was not known. */
  instance?: string
  /** SHA-256 of the task, and of each file of `watch` by its path; null where there was none. */
  sha256: Digest
  watch: Record<string, Digest>
}

/** The record that a task has succeeded. */
export interface DoneRecord extends DoneFacts {
  format: 1
  task_dir: string
  task: string
  name: string
  run_id: number
  /** RFC 3339, UTC. */
  at: string
}

/**
 * The records of the tasks of one directory that do not run always, a file each, in `done/` of the state
 * directory. There is one only where the last try of the task has succeeded: it is written after that, and
 * removed before the task begins again; each of these is on disk when it returns.
 */
export class DoneRecords {
  readonly #state: string
  readonly #taskDir: string

  /** `taskDir`: without links. */
  constructor(state: string, taskDir: string) {
    this.#state = state
    this.#taskDir = taskDir
  }

  /** The record of a task, by its name; undefined where there is none. The failure is a sentence about it. */
  read(name: string): Result<DoneRecord | undefined, string> {
    const path = this.#path(name)
    try {
      const record = JSON.parse(readFileSync(path, 'utf8'))
      if (record?.format !== 1) return fail(`${path} is not a record that this version reads`)
      return ok(record as DoneRecord)
    } catch (error) {
      return errorCode(error) === 'ENOENT'
        ? ok(undefined)
        : fail(`${path} cannot be read: ${errorText(error)}`)
    }
  }

  /** Puts on disk that a task has succeeded. Throws system errors. */
  write(record: Omit<DoneRecord, 'format' | 'task_dir'>): void {
    const folder = join(this.#state, 'done')
    if (!existsSync(folder)) {
      makeDirectory(folder)
      sync(this.#state)
    }
    const whole: DoneRecord = { format: 1, task_dir: this.#taskDir, ...record }
    writeDurably(this.#path(record.name), `${JSON.stringify(whole)}\n`)
  }

  /** Removes the record of a task, on disk too. Throws system errors. */
  forget(name: string): void {
    const path = this.#path(name)
    if (!existsSync(path)) return
    rmSync(path)
    sync(join(this.#state, 'done'))
  }

  #path(name: string): string {
    const { createHash } = process.getBuiltinModule('node:crypto')
    const id = createHash('sha256')
      .update(JSON.stringify([this.#taskDir, name]))
      .digest('hex')
      .slice(0, 32)
    return join(this.#state, 'done', `${id}.json`)
  }
}

/** The words that follow `skipped: ` where a record says that a task need not run; else undefined. */
export function doneWords(
  record: DoneRecord,
  now: DoneFacts,
  run: Exclude<TaskSettings['run'], 'always'>,
): string | undefined {
  const since = `run ${record.run_id}, ${record.at}`
  switch (run) {
    case 'once':
      return `it succeeded in ${since}`
    case 'once-per-boot':
      return record.boot_id === now.boot_id && now.boot_id !== 'unknown'
        ? `it succeeded in this boot, in ${since}`
        : undefined
    case 'once-per-instance':
      return now.instance !== undefined && record.instance === now.instance
        ? `it succeeded on this instance, in ${since}`
        : undefined
    case 'on-change':
      return sameContents(record, now) ? `nothing has changed since ${since}` : undefined
  }
}

function sameContents(before: DoneFacts, now: DoneFacts): boolean {
  const watched = Object.entries(now.watch)
  return (
    before.sha256 === now.sha256 &&
    Object.keys(before.watch).length === watched.length &&
    watched.every(([path, digest]) => Object.hasOwn(before.watch, path) && before.watch[path] === digest)
  )
}
