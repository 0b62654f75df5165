/*
 * The machine of a test, on which fake jobs run. It outlives the backends that are opened over it, so a test
 * lets "the runner" crash by dropping a backend and opens another one, which finds slots and jobs in the
 * directory. The test decides about failures, waits and the deaths of slots; time passes only by the clock
 * that the test gives.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../../edges.ts'
import { fail, ok, type Result } from '../../../result.ts'
import { aborted, Notifier } from '../../../system/wait.ts'
import type { ExecutorJob, Facts, Failure, Need } from '../executor.ts'
import type { PullProgress } from '../image.ts'
import { FakeJobFiles, namesIn } from './files.ts'
import { FakeProcess } from './process.ts'

/** The calls of the contract that can be made to fail or to wait. */
export type Verb =
  | 'probe'
  | 'health'
  | 'prepare'
  | 'open'
  | 'list'
  | 'close'
  | 'recover'
  | 'place'
  | 'takeBack'
  | 'start'
  | 'clean'
  | 'output'
  | 'keep'
  | 'trim'
  | 'discard'

/** A call that waits until the test lets it go on. */
export interface Gate {
  /** Settles when a call has come to the gate. */
  reached: Promise<void>
  /** Settles when the signal of a call that has come to the gate has aborted; of those that have one. */
  askedToEnd: Promise<void>
  open(): void
  /** Leaves the calls that wait for ever, as the end of their process does; later calls pass. */
  abandon(): void
}

export class FakeMachine {
  readonly directory: string
  readonly clock: Clock
  /** Notified when something about a job or a slot has changed. */
  readonly changed = new Notifier()
  /** The calls so far, in order. */
  readonly calls: Verb[] = []
  /** The reports of each pull before its image is there, by the name of the image. */
  readonly pulls = new Map<string, readonly PullProgress[]>()
  /** The digests of images, by their names. */
  readonly digests = new Map<string, string>()
  /** All needs for which `prepare` was called, in order. */
  readonly needs: Need[] = []
  facts: Facts
  readonly #processes = new Map<string, FakeProcess>()
  readonly #failures = new Map<Verb, { failure: Failure; times: number }>()
  readonly #gates = new Map<Verb, { reach(signal?: AbortSignal): void; opened: Promise<void> }>()
  readonly #holds = new Map<
    string,
    { reached: PromiseWithResolvers<void>; released: PromiseWithResolvers<void> }
  >()

  /**
   * A directory with slots of an earlier machine is one whose host has been started anew: nothing runs in it.
   */
  constructor(directory: string, clock: Clock, facts: Partial<Facts> = {}) {
    this.directory = directory
    this.clock = clock
    this.facts = {
      id: 'fake',
      system: 'fake',
      address: directory,
      disks: [],
      capabilities: [],
      once: undefined,
      plugins: true,
      outlives: 'runner',
      timeLimit: 'job',
      tells: { oom: true, disk: true, neverStarted: true },
      measures: true,
      logWithoutRunner: true,
      logComes: 'at-once',
      tried: 'one ran in a slot, and its output came back',
      diskLimit: undefined,
      notes: [],
      makeRoom: undefined,
      slot: 'directory',
      ...facts,
    }
    mkdirSync(this.slots, { recursive: true })
    for (const id of namesIn(this.slots)) this.killSlot(id)
  }

  get slots(): string {
    return join(this.directory, 'slots')
  }

  filesOf(slotId: string, jobId: string, kept: string): FakeJobFiles {
    return new FakeJobFiles(join(this.slots, slotId, 'jobs', jobId), kept)
  }

  /** Has the next calls fail, all of them where no number is given; `undefined` ends that. */
  fail(verb: Verb, failure: Failure | undefined, times: number = Number.POSITIVE_INFINITY): void {
    if (failure === undefined) this.#failures.delete(verb)
    else this.#failures.set(verb, { failure, times })
  }

  /** Holds every call of a kind until the gate is opened. */
  gate(verb: Verb): Gate {
    const reached = Promise.withResolvers<void>()
    const opened = Promise.withResolvers<void>()
    const askedToEnd = Promise.withResolvers<void>()
    const reach = (signal?: AbortSignal) => {
      reached.resolve()
      if (signal !== undefined) void aborted(signal).then(askedToEnd.resolve)
    }
    this.#gates.set(verb, { reach, opened: opened.promise })
    const abandon = () => void this.#gates.delete(verb)
    const open = () => {
      abandon()
      opened.resolve()
    }
    return { reached: reached.promise, askedToEnd: askedToEnd.promise, open, abandon }
  }

  /** Begins a call: waits at its gate, and fails where the test wants that. */
  async begin(verb: Verb, signal?: AbortSignal): Promise<Result<void, Failure>> {
    this.calls.push(verb)
    const gate = this.#gates.get(verb)
    gate?.reach(signal)
    await gate?.opened
    return this.failureOf(verb)
  }

  /** The same without a wait. */
  failureOf(verb: Verb): Result<void, Failure> {
    const planned = this.#failures.get(verb)
    if (planned === undefined) return ok(undefined)
    planned.times--
    if (planned.times <= 0) this.#failures.delete(verb)
    return fail(planned.failure)
  }

  /** Settles when a job has come to a hold. */
  reached(name: string): Promise<void> {
    return this.#holdOf(name).reached.promise
  }

  /** Lets jobs pass a hold, now and later. */
  release(name: string): void {
    this.#holdOf(name).released.resolve()
  }

  #holdOf(name: string) {
    const known = this.#holds.get(name)
    if (known !== undefined) return known
    const hold = { reached: Promise.withResolvers<void>(), released: Promise.withResolvers<void>() }
    this.#holds.set(name, hold)
    return hold
  }

  run(slotId: string, job: ExecutorJob, files: FakeJobFiles): void {
    const process = new FakeProcess(job, files, {
      clock: this.clock,
      hold: name => {
        const { reached, released } = this.#holdOf(name)
        reached.resolve()
        return released.promise
      },
      notify: () => this.changed.notify(),
      endSlot: () => this.killSlot(slotId),
      spoilSlot: () => writeFileSync(join(this.slots, slotId, 'spoiled'), ''),
    })
    this.#processes.set(`${slotId}/${job.id}`, process)
  }

  /** Whether a job was ever started on this machine. */
  hasRun(slotId: string, jobId: string): boolean {
    return this.#processes.has(`${slotId}/${jobId}`)
  }

  stop(slotId: string, jobId: string): void {
    void this.#processes.get(`${slotId}/${jobId}`)?.ask('stopped')
  }

  /** Ends a slot as a container ends that is killed: nothing in it says how. */
  killSlot(slotId: string): void {
    if (namesIn(this.slots).includes(slotId)) writeFileSync(join(this.slots, slotId, 'dead'), '')
    for (const [key, process] of this.#processes) if (key.startsWith(`${slotId}/`)) process.kill()
    this.changed.notify()
  }

  /** Ends all slots. */
  crash(): void {
    for (const id of namesIn(this.slots)) this.killSlot(id)
  }
}
