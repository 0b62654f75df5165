/*
 * The fake backend as one process of a runner has it. Everything that outlives that process is the machine's.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail, ok, type Result } from '../../../result.ts'
import { aborted } from '../../../system/wait.ts'
import type {
  ExecutorBackend,
  Facts,
  Failure,
  JobHandle,
  JobState,
  KeptFiles,
  Need,
  OpenFailure,
  Prepared,
  Requirement,
  Slot,
  SlotOptions,
  SlotRef,
} from '../executor.ts'
import type { PullProgress } from '../image.ts'
import { failure, fakeName, fakeVersion, namesIn, placeOf, recordOf, type SlotRecord } from './files.ts'
import { FakeHandle, FakeKept } from './handle.ts'
import type { FakeMachine } from './machine.ts'
import { FakeSlot } from './slot.ts'

const endedEarly = failure('executor-not-started', 'it was asked to end', 'never')

export class FakeBackend implements ExecutorBackend {
  readonly name: string = fakeName
  readonly #machine: FakeMachine

  constructor(machine: FakeMachine) {
    this.#machine = machine
  }

  get slotsText(): string {
    return `the directories in ${this.#machine.slots}`
  }

  async requirements(): Promise<readonly Requirement[]> {
    return []
  }

  async probe(): Promise<Result<Facts, Failure>> {
    const begun = await this.#machine.begin('probe')
    return begun.ok ? ok(this.#machine.facts) : begun
  }

  async health(): Promise<Result<Facts, Failure>> {
    const begun = await this.#machine.begin('health')
    return begun.ok ? ok(this.#machine.facts) : begun
  }

  async prepare(
    need: Need,
    onProgress: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<Result<Prepared, Failure>> {
    const { image } = need
    this.#machine.needs.push(need)
    for (const progress of this.#machine.pulls.get(image) ?? []) onProgress(progress)
    // Another caller may want the same image, so the call goes on without this one.
    const begun = await Promise.race([
      this.#machine.begin('prepare'),
      aborted(signal).then(() => fail(endedEarly)),
    ])
    const digest = need.digest ?? this.#machine.digests.get(image)
    return begun.ok ? ok({ key: `sha256:${digest ?? image}`, digest }) : begun
  }

  async open(
    { key }: Prepared,
    options: SlotOptions,
    signal: AbortSignal,
  ): Promise<Result<Slot, OpenFailure>> {
    const begun = await this.#machine.begin('open', signal)
    if (!begun.ok) return begun
    const record = recordOf(key, options)
    const directory = join(this.#machine.slots, record.id)
    mkdirSync(join(directory, 'jobs'), { recursive: true })
    writeFileSync(join(directory, 'slot.json'), JSON.stringify(record))
    return ok(new FakeSlot(this.#machine, record, (state, keptDir) => this.#handleOf(state, keptDir)))
  }

  async list(): Promise<Result<SlotRef[], Failure>> {
    const begun = await this.#machine.begin('list')
    if (!begun.ok) return begun
    return ok(namesIn(this.#machine.slots).map(id => this.#refOf(id)))
  }

  #refOf(id: string): SlotRef {
    const path = join(this.#machine.slots, id, 'slot.json')
    if (!existsSync(path)) return { id, key: '' }
    const { key } = JSON.parse(readFileSync(path, 'utf8')) as SlotRecord
    return { id, key }
  }

  async close({ id }: SlotRef): Promise<Result<void, Failure>> {
    const begun = await this.#machine.begin('close')
    if (!begun.ok) return begun
    this.#machine.killSlot(id)
    rmSync(join(this.#machine.slots, id), { recursive: true, force: true })
    this.#machine.changed.notify()
    return ok(undefined)
  }

  async recover(state: JobState, keptDir: string): Promise<Result<JobHandle, Failure>> {
    const begun = await this.#machine.begin('recover')
    if (!begun.ok) return begun
    if (state.backend !== this.name || state.version > fakeVersion)
      return fail(
        failure('state-unknown', 'another backend, or a newer release, has written the state', 'never'),
      )
    const handle = this.#handleOf(state, keptDir)
    if (handle.isThere) return ok(handle)
    handle.detach()
    return fail(failure('lost', 'its slot and its files are gone', 'never'))
  }

  kept(state: JobState, keptDir: string): KeptFiles {
    const { slot_id, job_id } = placeOf(state)
    return new FakeKept(this.#machine, this.#machine.filesOf(slot_id, job_id, keptDir))
  }

  async reclaim(): Promise<void> {}

  #handleOf(state: JobState, keptDir: string): FakeHandle {
    return new FakeHandle(this.#machine, state, keptDir)
  }
}
