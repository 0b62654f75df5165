import { closeSync, existsSync, openSync, readSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fail, ok, type Result } from '../../../result.ts'
import { aborted } from '../../../system/wait.ts'
import type { Failure, JobExit, JobHandle, JobState, KeptFiles, SlotRef } from '../executor.ts'
import { type FakeJobFiles, type FakePlace, failure, placeOf } from './files.ts'
import type { FakeMachine } from './machine.ts'

const pieceSize = 65536

/** The files of a job on the disk. */
export class FakeKept implements KeptFiles {
  protected readonly machine: FakeMachine
  protected readonly files: FakeJobFiles
  /** Nobody watches any more. */
  protected readonly over = new AbortController()

  constructor(machine: FakeMachine, files: FakeJobFiles) {
    this.machine = machine
    this.files = files
  }

  /** Whether nothing of it lives any more. */
  protected get isOver(): boolean {
    return this.files.exit !== undefined || this.files.directory === undefined
  }

  async *log(from: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const path = this.files.log
    if (path === undefined) return
    const ends = AbortSignal.any([signal, this.over.signal])
    const fd = openSync(path, 'r')
    try {
      for (let at = from; !ends.aborted; ) {
        const { notified } = this.machine.changed
        // This is read before the log: bytes from before the end are then surely read.
        const last = this.isOver
        const piece = Buffer.alloc(pieceSize)
        const length = readSync(fd, piece, 0, pieceSize, at)
        at += length
        if (length > 0) yield piece.subarray(0, length)
        else if (last) return
        else await Promise.race([notified, aborted(ends)])
      }
    } finally {
      closeSync(fd)
    }
  }

  async logLength(): Promise<number> {
    while (!this.isOver && !this.over.signal.aborted)
      await Promise.race([this.machine.changed.notified, aborted(this.over.signal)])
    const path = this.files.log
    return path === undefined ? 0 : statSync(path).size
  }

  async trim(): Promise<Result<void, Failure>> {
    const begun = await this.machine.begin('trim')
    if (!begun.ok) return begun
    const log = join(this.files.kept, 'log')
    if (existsSync(log)) renameSync(log, this.files.keptLog)
    rmSync(this.files.kept, { recursive: true, force: true })
    return ok(undefined)
  }

  async discard(): Promise<Result<void, Failure>> {
    const begun = await this.machine.begin('discard')
    if (!begun.ok) return begun
    for (const path of [this.files.kept, this.files.keptLog]) rmSync(path, { recursive: true, force: true })
    return ok(undefined)
  }
}

/** A job that was started, or may have been, as one backend watches it. */
export class FakeHandle extends FakeKept implements JobHandle {
  readonly state: JobState
  readonly started: Promise<Date | 'never'>
  readonly exited: Promise<JobExit>
  readonly #place: FakePlace

  constructor(machine: FakeMachine, state: JobState, keptDir: string) {
    const place = placeOf(state)
    super(machine, machine.filesOf(place.slot_id, place.job_id, keptDir))
    this.state = state
    this.#place = place
    const started = Promise.withResolvers<Date | 'never'>()
    const exited = Promise.withResolvers<JobExit>()
    this.started = started.promise
    this.exited = exited.promise
    void this.#watch(started.resolve, exited.resolve)
  }

  /** Whether anything is left of it that says more than nothing. */
  get isThere(): boolean {
    return this.files.directory !== undefined
  }

  get slot(): SlotRef | undefined {
    const id = this.#place.slot_id
    return existsSync(this.#slotPath('slot.json')) ? { id, key: '' } : undefined
  }

  #slotPath(name: string): string {
    return join(this.machine.slots, this.#place.slot_id, name)
  }

  get #isSlotDead(): boolean {
    return existsSync(this.#slotPath('dead')) || !existsSync(this.#slotPath('slot.json'))
  }

  protected override get isOver(): boolean {
    return super.isOver || this.#isSlotDead || this.files.started === 'never'
  }

  async #watch(start: (at: Date | 'never') => void, exit: (exit: JobExit) => void): Promise<void> {
    let startedAt: Date | undefined
    while (!this.over.signal.aborted) {
      const { notified } = this.machine.changed
      const { slot_id, job_id } = this.#place
      // The process that placed it is gone and cannot start it any more.
      if (!this.machine.hasRun(slot_id, job_id) && this.files.started === undefined)
        this.files.write('never', '')
      const { started, exit: ended } = this.files
      if (started === 'never' || ((started ?? startedAt) === undefined && this.#isSlotDead))
        return start('never')
      if (started !== undefined) {
        startedAt = started
        start(started)
      }
      if (ended !== undefined) return exit(ended)
      if (this.#isSlotDead) {
        const at = this.machine.clock.now()
        return exit({ by: 'lost', message: 'its slot ended while it ran', startedAt: startedAt ?? at, at })
      }
      await Promise.race([notified, aborted(this.over.signal)])
    }
  }

  async output(max: number): Promise<Result<Uint8Array | undefined, Failure>> {
    const begun = await this.machine.begin('output')
    if (!begun.ok) return begun
    const text = this.files.text('output')
    if (text === undefined) return ok(undefined)
    const bytes = Buffer.from(text)
    if (bytes.length <= max) return ok(bytes)
    return fail(failure('job-invalid', `output has ${bytes.length} bytes, and ${max} are allowed`, 'never'))
  }

  stop(why: 'aborted' | 'lease-lost'): void {
    if (this.files.has('stop')) return
    this.files.write('stop', why)
    this.machine.stop(this.#place.slot_id, this.#place.job_id)
  }

  async keep(): Promise<Result<void, Failure>> {
    const begun = await this.machine.begin('keep')
    if (!begun.ok) return begun
    if (existsSync(this.files.inSlot)) renameSync(this.files.inSlot, this.files.kept)
    return ok(undefined)
  }

  detach(): void {
    this.over.abort()
  }
}
