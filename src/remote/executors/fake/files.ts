/*
 * The files of a fake backend. They hold all of its state, so a second backend over the same directory is
 * "the next runner":
 *
 *   slots/<slot>/slot.json       what the slot was opened for
 *   slots/<slot>/dead            it takes no job and runs none
 *   slots/<slot>/spoiled         a job left something in it
 *   slots/<slot>/jobs/<job>/     order.json; log, output; started, never, stop, exit.json
 *   <kept>/leaf/                 the same directory, once it was put away
 *   <kept>/log                   what `trim` leaves of it
 */
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type {
  ExecutorJob,
  Failure,
  FailureReason,
  JobExit,
  JobState,
  Retry,
  SlotOptions,
  SlotRef,
} from '../executor.ts'

export const fakeName = 'fake'
/** The version of the form of `JobState.data`. */
export const fakeVersion = 1

export const failure = (reason: FailureReason, message: string, retry: Retry): Failure => ({
  reason,
  message,
  retry,
})

/** The content of `slot.json`. */
export interface SlotRecord extends SlotRef {
  group: string
  ephemeral: boolean
}

export const recordOf = (key: string, { slotId, group, ephemeral }: SlotOptions): SlotRecord => ({
  id: slotId,
  key,
  group,
  ephemeral,
})

/** The content of `JobState.data`. */
export interface FakePlace {
  slot_id: string
  job_id: string
}

export const stateOf = (data: FakePlace): JobState => ({ backend: fakeName, version: fakeVersion, data })
/** Reads the place from a state of this backend. */
export const placeOf = ({ data }: JobState): FakePlace => data as FakePlace

/** The files of one job, wherever they are. */
export class FakeJobFiles {
  readonly #inSlot: string
  readonly #kept: string

  constructor(inSlot: string, kept: string) {
    this.#inSlot = inSlot
    this.#kept = kept
  }

  /** Undefined where nothing is left of it but, perhaps, the log. */
  get directory(): string | undefined {
    return [this.kept, this.#inSlot].find(path => existsSync(path))
  }

  get inSlot(): string {
    return this.#inSlot
  }

  get kept(): string {
    return join(this.#kept, 'leaf')
  }

  get keptLog(): string {
    return join(this.#kept, 'log')
  }

  /** Undefined where there is none. */
  get log(): string | undefined {
    const own = this.directory
    return [this.keptLog, ...(own === undefined ? [] : [join(own, 'log')])].find(path => existsSync(path))
  }

  get order(): ExecutorJob | undefined {
    return this.#json<ExecutorJob>('order.json')
  }

  get started(): Date | 'never' | undefined {
    if (this.has('never')) return 'never'
    const text = this.text('started')
    return text === undefined ? undefined : new Date(text)
  }

  get exit(): JobExit | undefined {
    const read = this.#json<JobExit>('exit.json')
    return read && { ...read, startedAt: new Date(read.startedAt), at: new Date(read.at) }
  }

  has(name: string): boolean {
    return this.directory !== undefined && existsSync(join(this.directory, name))
  }

  text(name: string): string | undefined {
    return this.has(name) ? readFileSync(join(this.directory!, name), 'utf8') : undefined
  }

  /** Writes a file as a whole; nothing happens where the job has gone. */
  write(name: string, content: string): void {
    if (this.directory === undefined) return
    const path = join(this.directory, name)
    writeFileSync(`${path}.new`, content)
    renameSync(`${path}.new`, path)
  }

  #json<T>(name: string): T | undefined {
    const text = this.text(name)
    return text === undefined ? undefined : (JSON.parse(text) as T)
  }
}

/** The names in a directory; none where it is missing. */
export const namesIn = (path: string): string[] => (existsSync(path) ? readdirSync(path) : [])
