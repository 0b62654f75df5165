/*
 * Sends the log of one execution, masked, by offset. Output is sent as the job writes it. If the server is
 * slower than the job, away, or has less than it had, the bytes are derived again from the file that the job
 * writes, so nothing piles up in memory.
 */
import type { Clock } from '../../edges.ts'
import type { Mask } from '../../protocol/mask/mask.ts'
import type { Result } from '../../result.ts'
import { waitFor } from '../../system/backoff.ts'
import { Notifier, pause } from '../../system/wait.ts'
import type { KeptFiles } from '../executors/executor.ts'
import type { ApiFailure } from '../link/failure-meaning.ts'
import { LogFollower } from './log-follower.ts'

export interface LogSenderOptions {
  mask: Mask
  /** Bytes of the log that are sent; absent: all of it. */
  limit?: number | undefined
  /** The files with the job's output; undefined: nothing is left of it. */
  files(): Pick<KeptFiles, 'log' | 'logLength'> | undefined
  /** Resolves to the length of the log at the server. */
  append(offset: number, bytes: Uint8Array): Promise<Result<number, ApiFailure>>
  /** Recovers the session after a failed call; false: this process can send nothing more. */
  recoverSession(failure: ApiFailure): Promise<boolean>
  /** Some of the log may be there already. */
  resumed: boolean
  clock: Clock
  random(): number
  /** Notifies when the server answers again. */
  back: Notifier
  /** Ends the sending. */
  over: AbortSignal
  /** Hears once that no more of it is taken, and of how many bytes. */
  onRefused(message: string, bytes: number): void
}

/** Bytes: of one call, and in memory. */
const limits = { chunk: 1_048_576, queue: 4_194_304 }
/** Seconds: between two calls, so that many small writes are one; that a job's watch waits for room. */
const pauses = { between: 0.05, room: 2 }

interface Piece {
  offset: number
  bytes: Uint8Array
}

export class LogSender {
  /** Settles when all of it is there, no more of it is taken, or it was ended. */
  done: Promise<void>
  readonly #options: LogSenderOptions
  readonly #moreToSend = new Notifier()
  readonly #moved = new Notifier()
  readonly #finished = new Notifier()
  #queue: Piece[] = []
  #queued = 0
  /** Three positions in the log: of the server, of the job, and of the last byte that there will ever be. */
  #acknowledged = 0
  #given = 0
  #final: number | undefined
  /** The queue has a gap: the file is read. */
  #behind = false
  #refused = false
  #failures = 0

  constructor(options: LogSenderOptions) {
    this.#options = options
    this.done = this.#run()
  }

  /** Whether all of it is there, or no more of it is taken. */
  get isComplete(): boolean {
    return this.#refused || (this.#final !== undefined && this.#acknowledged >= this.#final)
  }

  /**
   * Takes what the job has written, in order. A promise holds up the follower of the log until it settles.
   */
  take(bytes: Uint8Array, offset: number): void | Promise<void> {
    if (offset !== this.#given) this.#fallBehind()
    this.#given = offset + bytes.length
    if (this.#given <= this.#acknowledged || this.#refused) return
    if (!this.#behind && this.#queued + bytes.length > limits.queue) {
      if (this.#failures === 0) return this.#wait({ bytes, offset })
      this.#fallBehind()
    }
    this.#put({ bytes, offset })
  }

  /** Says how long it is. */
  finish(length: number): void {
    this.#final = length
    this.#moreToSend.notify()
    this.#finished.notify()
  }

  /**
   * Asks whether it is still all there: until the result is there, a server whose host crashes may forget the
   * end of a log. Then `done` is a new promise.
   */
  recheck(): void {
    this.done = this.done.then(async () => {
      if (this.#isOver() || this.#final === undefined) return
      if (await this.#send(new Uint8Array(), this.#final)) return
      this.#fallBehind()
      await this.#go()
    })
  }

  async #wait(piece: Piece): Promise<void> {
    const { clock, over } = this.#options
    await pause(clock, pauses.room, this.#moved, over)
    if (this.#queued + piece.bytes.length > limits.queue) this.#fallBehind()
    this.#put(piece)
  }

  #put(piece: Piece): void {
    if (!this.#behind) {
      this.#queue.push(piece)
      this.#queued += piece.bytes.length
    }
    this.#moreToSend.notify()
  }

  #fallBehind(): void {
    this.#behind = true
    this.#queue = []
    this.#queued = 0
  }

  async #run(): Promise<void> {
    // An empty chunk asks where to go on.
    if (this.#options.resumed && !(await this.#send(new Uint8Array(), 0))) this.#fallBehind()
    await this.#go()
  }

  async #go(): Promise<void> {
    const { clock, over } = this.#options
    while (!over.aborted && !this.#refused) {
      if (this.#final !== undefined && this.#acknowledged >= this.#final) return
      if (this.#behind) await this.#sendFile()
      else if (this.#queue.length > 0) await this.#sendQueue()
      // A whole job whose watch is of an earlier process.
      else if (this.#final !== undefined) this.#behind = true
      else await pause(clock, Number.POSITIVE_INFINITY, this.#moreToSend, over)
      if (this.#final === undefined) await pause(clock, pauses.between, this.#finished, over)
    }
  }

  async #sendQueue(): Promise<void> {
    const pieces: Uint8Array[] = []
    const first = this.#queue[0]!.offset
    let length = 0
    while (this.#queue.length > 0 && length + this.#queue[0]!.bytes.length <= limits.chunk) {
      const { bytes } = this.#queue.shift()!
      pieces.push(bytes)
      length += bytes.length
    }
    if (pieces.length === 0) {
      const { bytes, offset } = this.#queue.shift()!
      this.#queue.unshift({ bytes: bytes.subarray(limits.chunk), offset: offset + limits.chunk })
      pieces.push(bytes.subarray(0, limits.chunk))
      length = limits.chunk
    }
    this.#queued -= length
    const whole = pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces)
    if (!(await this.#send(whole, first))) this.#fallBehind()
    this.#moved.notify()
  }

  /**
   * Reads the file from its beginning, passes over what is there, and sends the rest, until it is level with
   * the job.
   */
  async #sendFile(): Promise<void> {
    const source = this.#options.files()
    if (source === undefined) return this.#refuse('the file of the log is gone')
    const { mask, limit, over } = this.#options
    const left = new AbortController()
    const signal = AbortSignal.any([over, left.signal])
    let chunk: Piece | undefined
    let level = 0
    let failed = false
    let sending = Promise.resolve()
    const send = async () => {
      if (chunk === undefined || failed) return
      const { bytes, offset } = chunk
      chunk = undefined
      const passed = Math.max(0, this.#acknowledged - offset)
      if (passed < bytes.length) failed = !(await this.#send(bytes.subarray(passed), offset + passed))
    }
    // Bytes that arrive during a send are sent after it.
    const flush = () => {
      sending = sending.then(send)
      return sending
    }
    const collect = async (bytes: Uint8Array, offset: number) => {
      level = offset + bytes.length
      if (failed || signal.aborted || this.#isOver() || level <= this.#acknowledged) return
      chunk =
        chunk === undefined
          ? { bytes, offset }
          : { bytes: Buffer.concat([chunk.bytes, bytes]), offset: chunk.offset }
      if (chunk.bytes.length > limits.chunk / 2) await flush()
    }
    const follower = new LogFollower(mask, collect, limit)
    const followed = follower.follow(source, signal)
    while (!this.#isOver() && !failed) {
      const final = this.#final
      if (final !== undefined) {
        await followed
        await follower.end(source, signal)
      }
      await flush()
      if (failed || this.#isOver()) break
      if (final !== undefined) {
        if (this.#acknowledged < final) this.#refuse('the log is shorter than it was when the job ended')
        break
      }
      if (chunk !== undefined) continue
      if (level >= this.#given) {
        this.#behind = false
        break
      }
      await pause(this.#options.clock, 0.2, this.#moreToSend, over)
    }
    left.abort()
    await followed
  }

  #isOver(): boolean {
    return this.#options.over.aborted || this.#refused
  }

  /** Sends bytes until they are there; false: the server has less than it had, and wants others. */
  async #send(bytes: Uint8Array, offset: number): Promise<boolean> {
    const { append, clock, random, back, over, recoverSession } = this.#options
    let at = offset
    let rest = bytes
    while (!this.#isOver()) {
      const sent = await append(at, rest)
      if (sent.ok) {
        this.#failures = 0
        this.#acknowledged = sent.value
        return true
      }
      const { failure } = sent
      switch (failure.meaning) {
        case 'offset': {
          this.#failures = 0
          const length = failure.length ?? 0
          this.#acknowledged = length
          if (length < at) return false
          if (length >= at + rest.length) return true
          rest = rest.subarray(length - at)
          at = length
          break
        }
        case 'again':
          await pause(clock, waitFor(++this.#failures, random(), failure), back, over)
          break
        case 'sign-in':
        case 'new-key':
        case 'superseded':
        case 'deleted':
          if (!(await recoverSession(failure))) return true
          break
        case 'unknown':
          // The server may be restored to what it was.
          this.#failures++
          await pause(clock, 60, back, over)
          break
        case 'stopped':
          return true
        case 'not-held':
        case 'ended':
        case 'refused':
          this.#refuse(failure.message)
      }
    }
    return true
  }

  #refuse(message: string): void {
    if (this.#refused) return
    this.#refused = true
    this.#queue = []
    this.#queued = 0
    this.#moved.notify()
    this.#options.onRefused(message, Math.max(0, (this.#final ?? this.#given) - this.#acknowledged))
  }
}
