/* A container as a slot: a job is placed in it, and then started or taken back. */
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Edges } from '../../../edges.ts'
import { errorText, fail, ok, type Result } from '../../../result.ts'
import { pathPart } from '../../path-part.ts'
import type { ExecutorJob, Failure, JobHandle, JobState, Placed, Slot, SlotRef } from '../executor.ts'
import type { ExchangeDir } from '../handover/exchange-dir.ts'
import { orderText, wordsOf } from '../handover/order.ts'
import type { ImageFacts } from '../image.ts'
import type { Container } from './container.ts'
import { toFailure } from './failure.ts'
import { DockerJob } from './job-handle.ts'
import { DockerKeptFiles } from './kept-files.ts'
import type { Order } from './orders.ts'
import { type DockerPlace, stateOf } from './state.ts'
import { invitationFor } from './staying-plugins.ts'

/** The services that all jobs of a backend share. */
export interface JobSurroundings {
  edges: Edges
  /** Bytes that a job may have on disk. */
  diskLimit: number
  /** Called with the reason why the engine did not kill a container; that is repeated. */
  onProblem(message: string): void
}

export class DockerSlot implements Slot {
  readonly ref: SlotRef
  readonly #container: Container
  readonly #image: ImageFacts
  readonly #around: JobSurroundings

  constructor(container: Container, image: ImageFacts, around: JobSurroundings) {
    this.ref = container.ref
    this.#container = container
    this.#image = image
    this.#around = around
  }

  get reusable(): boolean {
    return this.#container.unfit === undefined
  }

  get alive(): boolean {
    return this.#container.orders.areHeard()
  }

  async place(job: ExecutorJob, keptDir: string): Promise<Result<Placed, Failure>> {
    const order = orderOf(job, this.#image, this.#around.edges.chance.id())
    if (!order.ok) return order
    const { hasGuests, unfit, served, secretApi } = this.#container
    if (hasGuests && unfit === undefined)
      order.value.invitation = invitationFor(job, served, secretApi === undefined ? 'http' : 'tls')
    this.#container.served++
    try {
      const exchange = this.#container.jobs.make(order.value)
      return ok(new DockerPlaced(this.#container, order.value, exchange, keptDir, this.#around))
    } catch (error) {
      return fail(toFailure('spool-lost', `the job's files cannot be made: ${errorText(error)}`))
    }
  }

  async clean(): Promise<'clean' | 'spoiled'> {
    return (await this.#container.sweep()) ? 'clean' : 'spoiled'
  }
}

class DockerPlaced implements Placed {
  readonly state: JobState
  readonly #container: Container
  readonly #order: Order
  readonly #exchange: ExchangeDir
  readonly #place: DockerPlace
  readonly #keptDir: string
  readonly #around: JobSurroundings

  constructor(
    container: Container,
    order: Order,
    exchange: ExchangeDir,
    keptDir: string,
    around: JobSurroundings,
  ) {
    this.#container = container
    this.#order = order
    this.#exchange = exchange
    this.#keptDir = keptDir
    this.#around = around
    const { nonce, limit, grace } = order
    this.#place = {
      job_id: order.id,
      executor_id: container.id,
      nonce,
      leaf: exchange.identity,
      limit,
      grace,
    }
    this.state = stateOf(this.#place)
  }

  async start(): Promise<Result<JobHandle, Failure>> {
    // The log is opened before the job can remove it.
    const log = this.#container.jobs.openLog(this.#order.id, this.#exchange)
    const started = this.#container.orders.start(this.#order)
    if (!started.ok) {
      if (log.ok) closeSync(log.value)
      this.#exchange[Symbol.dispose]()
      return started
    }
    return ok(
      new DockerJob({
        ...this.#around,
        place: this.#place,
        container: this.#container,
        exchange: this.#exchange,
        log: log.ok ? log.value : undefined,
        kept: new DockerKeptFiles(this.#keptDir, this.#place.leaf, this.#around.edges.clock),
        resumed: false,
      }),
    )
  }

  takeBack(): Promise<boolean> {
    this.#exchange[Symbol.dispose]()
    return this.#container.jobs.remove(this.#order.id, this.#place.leaf)
  }
}

/** The path in the container of a file of a job's exchange directory. */
const inside = (jobId: string, name: string) => join('/.runner/jobs', pathPart(jobId), name)

function orderOf(job: ExecutorJob, image: ImageFacts, nonce: string): Result<Order, Failure> {
  const words = wordsOf(image, job)
  if (!words.ok) return fail(toFailure('no-command', words.failure))
  const { id, plugin, limit, grace, signal: asked } = job
  const contract: Record<string, string> =
    plugin === undefined
      ? {}
      : {
          INPUT_LOCATION: inside(id, 'input'),
          OUTPUT_LOCATION: inside(id, 'output'),
          SESSION_KEY: plugin.sessionKey,
          RELEASE_URL: plugin.releaseUrl,
        }
  const program = orderText(words.value, { ...job.env, ...job.secretEnv, ...contract }, image)
  if (!program.ok) return fail(toFailure('job-invalid', program.failure))
  // The supervisor could not send a signal that does not exist.
  if (asked !== undefined && !isSignal(asked))
    return fail(toFailure('job-invalid', `its abort_signal ${asked} is not a signal; SIGTERM is one`))
  const signal = (asked ?? (isSignal(image.stop_signal) ? image.stop_signal : 'TERM')).replace(/^SIG/, '')
  return ok({ id, nonce, program: program.value, input: plugin?.input, limit, grace, signal })
}

/** Whether the kill of the supervisor's shell takes it, once SIG is cut off: `SIGTERM`, `15`, `RTMIN+3`. */
function isSignal(text: string): boolean {
  const name = text.replace(/^SIG/, '')
  return `SIG${name}` in constants.signals || /^(\d{1,2}|RTM(IN|AX)([+-]\d{1,2})?)$/.test(name)
}
