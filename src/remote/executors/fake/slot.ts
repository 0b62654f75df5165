import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail, ok, type Result } from '../../../result.ts'
import type { ExecutorJob, Failure, JobHandle, JobState, Placed, Slot, SlotRef } from '../executor.ts'
import { failure, namesIn, type SlotRecord, stateOf } from './files.ts'
import type { FakeMachine } from './machine.ts'

const gone = failure('executor-lost', 'the slot is gone', 'soon')

export class FakeSlot implements Slot {
  readonly ref: SlotRef
  readonly #machine: FakeMachine
  readonly #handleOf: (state: JobState, keptDir: string) => JobHandle
  readonly #ephemeral: boolean

  constructor(
    machine: FakeMachine,
    { id, key, ephemeral }: SlotRecord,
    handleOf: (state: JobState, keptDir: string) => JobHandle,
  ) {
    this.ref = { id, key }
    this.#machine = machine
    this.#ephemeral = ephemeral
    this.#handleOf = handleOf
  }

  get #directory(): string {
    return join(this.#machine.slots, this.ref.id)
  }

  #has(name: string): boolean {
    return existsSync(join(this.#directory, name))
  }

  get alive(): boolean {
    return this.#has('slot.json') && !this.#has('dead')
  }

  get reusable(): boolean {
    return !this.#ephemeral && this.#machine.facts.once === undefined && !this.#has('spoiled')
  }

  async place(job: ExecutorJob, keptDir: string): Promise<Result<Placed, Failure>> {
    const begun = await this.#machine.begin('place')
    if (!begun.ok) return begun
    if (!this.alive) return fail(gone)
    if ([...(job.command ?? []), ...(job.args ?? [])].some(word => word.includes('\0')))
      return fail(failure('job-invalid', 'a word or a variable has a NUL byte in it', 'never'))
    const files = this.#machine.filesOf(this.ref.id, job.id, keptDir)
    mkdirSync(files.inSlot)
    writeFileSync(join(files.inSlot, 'log'), '')
    files.write('order.json', JSON.stringify(job))
    const state = stateOf({ slot_id: this.ref.id, job_id: job.id })
    return ok({
      state,
      start: () => this.#start(job, state, keptDir),
      takeBack: async () => {
        const taken = await this.#machine.begin('takeBack')
        if (taken.ok) rmSync(files.inSlot, { recursive: true, force: true })
        return taken.ok && this.alive
      },
    })
  }

  async #start(job: ExecutorJob, state: JobState, keptDir: string): Promise<Result<JobHandle, Failure>> {
    const begun = await this.#machine.begin('start')
    if (!begun.ok) return begun
    const files = this.#machine.filesOf(this.ref.id, job.id, keptDir)
    if (!this.alive || files.started === 'never') return fail(gone)
    this.#machine.run(this.ref.id, job, files)
    return ok(this.#handleOf(state, keptDir))
  }

  async clean(): Promise<'clean' | 'spoiled'> {
    const begun = await this.#machine.begin('clean')
    const isClean =
      begun.ok && this.alive && this.reusable && namesIn(join(this.#directory, 'jobs')).length === 0
    return isClean ? 'clean' : 'spoiled'
  }
}
