import type { Condition } from '../config/condition.ts'
import type { Event, HookEnd } from '../event.ts'
import { defined, errorText, fail, ok, type Result } from '../result.ts'
import { type Skip, skipFor, unmetCondition } from './conditions.ts'
import { digestOf } from './contents.ts'
import { type DoneFacts, DoneRecords, doneWords } from './done-records.ts'
import { filesOfHost, type HostFiles } from './host-files.ts'
import { readInstance } from './instance.ts'
import type { PlannedTask } from './planned-task.ts'

export interface GateOptions {
  /** Undefined where no records can be kept. */
  state: string | undefined
  /** Without links. */
  taskDir: string
  bootId: string
  files?: HostFiles
}

/**
 * The gate before a task that is not to run always, or has conditions: it decides whether the task is skipped
 * now, and keeps the record of its success.
 */
export class TaskGate {
  readonly #options: GateOptions
  readonly #files: HostFiles
  readonly #records: DoneRecords | undefined

  constructor(options: GateOptions) {
    this.#options = options
    this.#files = options.files ?? filesOfHost
    this.#records = options.state === undefined ? undefined : new DoneRecords(options.state, options.taskDir)
  }

  /**
   * Why a task is skipped, without its `condition_command`, which has to be run; undefined where it is not.
   * `doubts` gets sentences about records, files and ids that cannot be known, because of which it runs. The
   * failure, in words that follow the task's path, is that of a condition that cannot be checked.
   */
  standing(task: PlannedTask, doubts: string[]): Result<Skip | undefined, string> {
    const done = this.#done(task, doubts)
    if (done !== undefined) return ok({ key: 'run', message: done })
    try {
      return ok(unmetCondition(task.settings, this.#files))
    } catch (error) {
      return fail(`has a condition that cannot be checked: ${errorText(error)}`)
    }
  }

  /** The facts of this moment, before a task begins; `doubts` as above. */
  facts({ path, settings }: PlannedTask, doubts: string[]): DoneFacts | undefined {
    const { run, watch } = settings
    const unknown: string[] = []
    const digest = (file: string) => {
      const found = digestOf(file)
      if (found.ok) return found.value
      unknown.push(`${file} cannot be read: ${found.failure}`)
      return null
    }
    const instance = run === 'once-per-instance' ? readInstance(this.#files) : undefined
    if (instance?.ok === false) unknown.push(instance.failure)
    const ofTask = run === 'on-change' ? digest(path) : null
    const watched = run === 'on-change' ? watch.map(file => [file, digest(file)] as const) : []
    doubts.push(...unknown)
    if (unknown.length > 0) return undefined
    return {
      boot_id: this.#options.bootId,
      ...defined({ instance: instance?.ok ? instance.value : undefined }),
      sha256: ofTask,
      watch: Object.fromEntries(watched),
    }
  }

  /** Removes the record of a task, on disk too; gives a sentence where that fails. */
  forget({ name }: Pick<PlannedTask, 'name'>): string | undefined {
    try {
      this.#records?.forget(name)
      return undefined
    } catch (error) {
      return `its earlier record cannot be removed: ${errorText(error)}`
    }
  }

  /** Puts on disk that a task has succeeded; gives the reason where that fails. */
  succeeded({ file, name }: PlannedTask, facts: DoneFacts, run_id: number, at: string): string | undefined {
    if (this.#records === undefined) return 'there is no state directory'
    try {
      this.#records.write({ task: file, name, run_id, at, ...facts })
      return undefined
    } catch (error) {
      return errorText(error)
    }
  }

  #done(task: PlannedTask, doubts: string[]): string | undefined {
    const { run } = task.settings
    if (run === 'always' || this.#records === undefined) return undefined
    const record = this.#records.read(task.name)
    if (!record.ok) doubts.push(record.failure)
    if (!record.ok || record.value === undefined) return undefined
    const now = this.facts(task, doubts)
    return now && doneWords(record.value, now, run)
  }
}

/** The event of a task that is skipped. */
export function skippedEvent({ file, name, texts }: PlannedTask, { key, message }: Skip): Event {
  const value = texts.get(key)?.value
  return { event: 'task:skipped', task: file, name, key, ...defined({ value }), message }
}

/** The skip by a command's end, the failure where it has neither said yes nor no. */
export function byCommand(
  condition: Condition<string[]>,
  { exit_code, failure }: Pick<HookEnd, 'exit_code' | 'failure'>,
): Result<Skip | undefined, string> {
  if (failure !== undefined) return fail(`has a condition_command that ${failure}`)
  const holds = (exit_code === 0) !== condition.negated
  return ok(holds ? undefined : skipFor('condition_command', condition))
}
