/* The FIFO through which the supervisor of a container gets its orders. */
import { closeSync, constants, existsSync, openSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { errorText, fail, ok, type Result } from '../../../result.ts'
import type { Failure } from '../executor.ts'
import { halfOf } from '../handover/order.ts'
import { toFailure } from './failure.ts'
import type { Invitation } from './staying-plugins.ts'

/** The order for one job, as the supervisor gets it. */
export interface Order {
  /** The name of its exchange directory. */
  id: string
  /** Ties the answers of the supervisor to this order. */
  nonce: string
  /** The text of the file `order`, which says what to run (order.ts). */
  program: string
  /** The content of a plugin's input file. */
  input?: string | undefined
  /** Seconds; 0: no limit. */
  limit: number
  /** Seconds between the signal and SIGKILL. */
  grace: number
  /** `TERM`. */
  signal: string
  /** The way to a plugin that stays for further jobs; absent: the job is started as any other program. */
  invitation?: Invitation | undefined
}

export class Orders {
  readonly #directory: string
  /** The text with which orders begin, and which the supervisor knows. */
  readonly #key: string

  /** The directory below it in which the supervisor opens the FIFO. */
  readonly #folder: string

  constructor(directory: string, key: string, folder: 'control' | 'pipes' = 'control') {
    this.#directory = directory
    this.#key = key
    this.#folder = folder
  }

  /** The FIFO of orders, at the path at which the supervisor opens it. */
  get #inside(): string {
    return join(this.#directory, this.#folder, 'orders')
  }

  /** The same FIFO, at a path that no container sees, so that no job can fill it. */
  get #outside(): string {
    return join(this.#directory, 'orders')
  }

  /** Moves the FIFO, once the supervisor has opened it, to the path that no container sees. */
  hide(): Result<void, Failure> {
    try {
      renameSync(this.#inside, this.#outside)
      return ok(undefined)
    } catch (error) {
      const message = `the FIFO of orders cannot be moved in ${this.#directory}: ${errorText(error)}`
      return fail(toFailure('executor-not-started', message))
    }
  }

  /** Gives the order to start a job. Must be called once at the most. */
  start({ id, nonce, limit, grace, signal, invitation }: Order): Result<void, Failure> {
    const hundredths = (seconds: number) => Math.min(Math.ceil(seconds * 100), 2 ** 40)
    const open = process.geteuid?.() === 0 ? 0 : 1
    const words = [this.#key, id, nonce, hundredths(limit), hundredths(grace), signal, open]
    const line = invitation === undefined ? ['run', ...words] : ['serve', ...words, invitation.sign]
    return this.#say(line.join(' '))
      ? ok(undefined)
      : fail(toFailure('executor-lost', 'the supervisor of the container is gone'))
  }

  /** Orders the end of the running job; false if no supervisor hears it. A second call changes nothing. */
  cancel(nonce: string): boolean {
    return this.#say(`abort ${halfOf(nonce)}`)
  }

  /** Whether the supervisor lives and takes orders. Does not ask the engine. */
  areHeard(): boolean {
    return this.#say('')
  }

  /**
   * Orders to empty what jobs share; the answer is in the exchange directory `id`. False: no supervisor hears
   * it.
   */
  sweep(id: string, nonce: string): boolean {
    return this.#say(`sweep ${this.#key} ${id} ${nonce}`)
  }

  /** Writes a line into the FIFO; false if no process has it open, or it is full. */
  #say(line: string): boolean {
    const { O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = constants
    let fd: number
    try {
      // In a container of an earlier release the FIFO is at the path inside only.
      const path = existsSync(this.#outside) ? this.#outside : this.#inside
      fd = openSync(path, O_WRONLY | O_NONBLOCK | O_NOFOLLOW)
    } catch {
      return false
    }
    try {
      // The line is shorter than PIPE_BUF, so all of it is written or nothing.
      if (line !== '') writeSync(fd, `\n${line}\n`)
      return true
    } catch {
      return false
    } finally {
      closeSync(fd)
    }
  }
}
