/* Cleans up the slot, the files and the record of an ended execution. delivery.ts sends its result. */
import { ok } from '../../result.ts'
import type { RunnerContext } from '../context.ts'
import type { KeptFiles, SlotRef } from '../executors/executor.ts'
import type { SpooledExecution } from './spooled-execution.ts'

/**
 * Seconds: for the first answer to the result before all that can follow it; between two tries to remove what
 * is on disk.
 */
const timeouts = { answer: 0.02, removal: 30 }

export class CleanUp {
  readonly #context: RunnerContext
  readonly #execution: SpooledExecution
  /** Settles with the first answer to the result; true: the server has it. */
  readonly #answered: Promise<boolean>
  #tidied: Promise<unknown> = Promise.resolve()

  constructor(context: RunnerContext, execution: SpooledExecution, answered: Promise<boolean>) {
    this.#context = context
    this.#execution = execution
    this.#answered = answered
  }

  /**
   * Makes the end last and has the slot looked over, so that it may have another job; the result goes first,
   * as this takes disk and processors.
   */
  begin(slot?: SlotRef, files?: KeptFiles): void {
    this.#tidied = this.#tidy(slot, files)
  }

  async #tidy(slot: SlotRef | undefined, files: KeptFiles | undefined): Promise<void> {
    const { edges, host } = this.#context
    const over = new AbortController()
    const late = edges.clock.sleep(timeouts.answer, over.signal).then(() => false)
    const isThere = await Promise.race([this.#answered, late])
    over.abort()
    if (slot !== undefined) host.runtime?.pool.giveBack(slot)
    // This host need not keep a result that the server has.
    if (!isThere && this.#execution.makeEndLast().ok) await files?.trim()
  }

  /** Removes all that is on disk of it. */
  async forget(files: KeptFiles | undefined): Promise<void> {
    const { edges, emit, over } = this.#context
    await this.#tidied
    for (let reported = false; ; reported = true) {
      const discarded = (await files?.discard()) ?? ok(undefined)
      const removed = discarded.ok ? await this.#execution.remove() : discarded
      if (removed.ok) return
      const { failure } = removed
      if (!reported)
        emit({ event: 'notice', message: typeof failure === 'string' ? failure : failure.message })
      await edges.clock.sleep(timeouts.removal, over)
      if (over.aborted) return
    }
  }
}
