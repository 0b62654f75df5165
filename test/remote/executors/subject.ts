/* The parts of each backend that the conformance suite needs. */
import { randomUUID } from 'node:crypto'
import type {
  ExecutorBackend,
  ExecutorJob,
  JobHandle,
  Placed,
  Slot,
} from '../../../src/remote/executors/executor.ts'
import type { Result } from '../../../src/result.ts'

/**
 * One step of a job, as the fake backend takes it (src/remote/executors/fake/process.ts); for other backends `scriptOf`
 * makes a shell script of the steps.
 */
export type Step =
  | `say:${string}`
  | `tell:${string}`
  | `fill:${number}`
  | `env:${string}`
  | 'input'
  | `output:${string}`
  | `hold:${string}`
  | `sleep:${number}`
  | `trap:${number}`
  | `trap:${number}:${number}`
  | 'ignore'
  | `exit:${number}`
  | `use:${number}:${number}`

/** A backend and the place where it runs jobs. */
export interface Subject {
  /** The backend as a new process of the same runner has it. */
  open(): ExecutorBackend
  /** The name of an image with a shell, which jobs need. */
  readonly image: string
  /** The words of a job that does these steps. */
  words(steps: readonly Step[]): readonly string[]
  /** Words of a program that cannot be started. */
  readonly missing: readonly string[]
  /** Lets jobs pass a hold. */
  release(name: string): void
  /** An empty directory, as the spool gives one to each job. */
  spoolDir(): string
  /** Makes what is left of a slot whose opening was cut short; resolves to its id. */
  makeBare(): Promise<string>
  /** Ends a slot from outside, as a kill does; undefined where a slot is nothing that can end. */
  readonly killSlot: ((slot: Slot) => Promise<void>) | undefined
}

/** Gives each test a new subject, and takes it away afterwards. */
export type WithSubject = (body: (subject: Subject) => Promise<void>) => Promise<void>

export const never: AbortSignal = new AbortController().signal

/** A shell script of steps; `holdTest` is a command that succeeds once a hold was released. */
export function scriptOf(steps: readonly Step[], holdTest: (name: string) => string): string {
  return steps.map(step => lineOf(step, holdTest)).join('\n')
}

function lineOf(step: Step, holdTest: (name: string) => string): string {
  const [verb, ...rest] = step.split(':')
  const text = rest.join(':')
  switch (verb) {
    case 'say':
      return `printf %s '${text}'`
    case 'tell':
      return `printf '%s\\n' '${text}'`
    case 'fill':
      return `head -c ${text} /dev/zero | tr '\\0' x`
    case 'env':
      return `printf %s "$${text}"`
    case 'input':
      return 'cat "$INPUT_LOCATION"'
    case 'output':
      return `printf %s '${text}' > "$OUTPUT_LOCATION"`
    case 'hold':
      return `until ${holdTest(text)}; do sleep 0.02; done`
    case 'sleep':
      return `sleep ${text}`
    case 'trap':
      return `trap 'sleep ${rest[1] ?? 0}; exit ${rest[0]}' TERM`
    case 'ignore':
      return "trap '' TERM"
    case 'use':
      // The memory that a shell takes for this is about as large as the number, and not smaller.
      return `x=$(head -c ${rest[1]} /dev/zero | tr '\\0' x); i=0; while [ $i -lt ${Math.ceil(Number(rest[0]) * 1e7)} ]; do i=$((i + 1)); done`
    default:
      return step.replace(':', ' ')
  }
}

/** The value of a success; a failure is a bug of the test or of the backend. */
export function value<T>(result: Result<T, unknown>): T {
  if (result.ok) return result.value
  throw new Error(JSON.stringify(result.failure))
}

/** One backend, one slot, and the jobs in it. */
export class Bench {
  readonly subject: Subject
  /** The process of the runner that is alive now. */
  backend: ExecutorBackend
  slot!: Slot
  #handles: JobHandle[] = []

  private constructor(subject: Subject) {
    this.subject = subject
    this.backend = subject.open()
  }

  static async make(subject: Subject, ephemeral = false): Promise<Bench> {
    const bench = new Bench(subject)
    bench.slot = await bench.openSlot(ephemeral)
    return bench
  }

  async openSlot(ephemeral = false): Promise<Slot> {
    const prepared = value(await this.backend.prepare({ image: this.subject.image }, () => {}, never))
    const slotId = randomUUID().replaceAll('-', '')
    return value(await this.backend.open(prepared, { slotId, group: 'default', ephemeral }, never))
  }

  job(steps: readonly Step[], given: Partial<ExecutorJob> = {}): ExecutorJob {
    return {
      id: randomUUID(),
      command: this.subject.words(steps),
      env: {},
      secretEnv: {},
      limit: 60,
      grace: 5,
      ...given,
    }
  }

  async place(
    steps: readonly Step[],
    given: Partial<ExecutorJob> = {},
  ): Promise<{ placed: Placed; kept: string }> {
    const kept = this.subject.spoolDir()
    const placed = value(await this.slot.place(this.job(steps, given), kept))
    return { placed, kept }
  }

  /** Places a job and starts it. */
  async start(steps: readonly Step[], given: Partial<ExecutorJob> = {}): Promise<Running> {
    const { placed, kept } = await this.place(steps, given)
    const handle = value(await placed.start())
    this.#handles.push(handle)
    return { handle, kept }
  }

  /** The process of the runner ends, and the next one begins: all that it has is the state and the directory. */
  restart(): void {
    for (const handle of this.#handles.splice(0)) handle.detach()
    this.backend = this.subject.open()
  }

  async recover({ state }: Pick<Placed, 'state'>, kept: string): Promise<JobHandle> {
    const onDisk = JSON.parse(JSON.stringify(state))
    const handle = value(await this.backend.recover(onDisk, kept, never))
    this.#handles.push(handle)
    return handle
  }

  /** Closes all slots. */
  async close(): Promise<void> {
    this.restart()
    for (const ref of value(await this.backend.list())) value(await this.backend.close(ref))
  }
}

export interface Running {
  handle: JobHandle
  /** The directory of the job in the spool. */
  kept: string
}

/** The log of a job from an offset to its end. */
export async function logOf(files: Pick<JobHandle, 'log'>, from = 0): Promise<string> {
  let text = ''
  for await (const bytes of files.log(from, never)) text += Buffer.from(bytes).toString('latin1')
  return text
}

/** Waits until the log of a job has a text. */
export async function says(handle: Pick<JobHandle, 'log'>, text: string): Promise<void> {
  const found = new AbortController()
  let all = ''
  for await (const bytes of handle.log(0, found.signal)) {
    all += Buffer.from(bytes).toString('latin1')
    if (all.includes(text)) return found.abort()
  }
  throw new Error(`the log ended without ${text}: ${all}`)
}
