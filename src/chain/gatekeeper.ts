import type { Edges } from '../edges.ts'
import type { Emit, HookEnd, TryRef } from '../event.ts'
import type { DoneFacts } from './done-records.ts'
import { byCommand, skippedEvent, TaskGate } from './gate.ts'
import type { PlannedTask } from './planned-task.ts'

export interface GatekeeperOptions {
  /** Undefined where no records can be kept. */
  state: string | undefined
  /** Without links. */
  taskDir: string
  bootId: string
  edges: Edges
  emit: Emit
  /** Runs a condition_command; its end. */
  condition(ref: TryRef, command: readonly string[]): Promise<HookEnd>
}

/** Asks before each task of a run whether it is skipped, and tells by events what comes of it. */
export class Gatekeeper {
  readonly #options: GatekeeperOptions
  readonly #gate: TaskGate
  readonly #told = new Set<string>()

  constructor(options: GatekeeperOptions) {
    this.#options = options
    this.#gate = new TaskGate(options)
  }

  /**
   * Whether the task is skipped now, or may not be started (`refusal`, in words that follow its path);
   * undefined where it runs.
   */
  async ask(task: PlannedTask, ref: TryRef): Promise<'skipped' | { refusal: string } | undefined> {
    const doubts: string[] = []
    let standing = this.#gate.standing(task, doubts)
    this.#tell(task, doubts)
    const [command] = task.settings.condition_command
    if (command !== undefined && standing.ok && standing.value === undefined)
      standing = byCommand(command, await this.#options.condition(ref, command.value))
    if (!standing.ok) return { refusal: standing.failure }
    if (standing.value === undefined) return undefined
    this.#options.emit(skippedEvent(task, standing.value))
    return 'skipped'
  }

  /** Removes the record of a task that is about to begin; the facts by which it will be done. */
  begin(task: PlannedTask): DoneFacts | undefined {
    if (task.settings.run === 'always') return undefined
    const doubts: string[] = []
    const facts = this.#gate.facts(task, doubts)
    const kept = this.#gate.forget(task)
    this.#tell(task, kept === undefined ? doubts : [...doubts, kept])
    return facts
  }

  /** Puts on record that a task has succeeded; the record is on disk when this returns. */
  succeeded(task: PlannedTask, facts: DoneFacts | undefined, runId: number): void {
    if (task.settings.run === 'always') return
    const { edges, emit } = this.#options
    const at = edges.clock.now().toISOString()
    const problem = facts && this.#gate.succeeded(task, facts, runId, at)
    if (problem !== undefined) this.#tell(task, [`there is no record that it succeeded: ${problem}`])
    emit({ event: 'task:done', task: task.file, recorded: facts !== undefined && problem === undefined })
  }

  /** Each sentence once a run. */
  #tell({ file }: PlannedTask, sentences: readonly string[]): void {
    for (const sentence of sentences) {
      const message = `${file} will run again, whatever its \`run\` says: ${sentence}`
      if (this.#told.has(message)) continue
      this.#told.add(message)
      this.#options.emit({ event: 'notice', reason: 'record-lost', message })
    }
  }
}
