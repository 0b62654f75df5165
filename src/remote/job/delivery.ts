/* Sends the products of an execution to the server: its log, while it runs, and then its result. */
import type { Mask } from '../../protocol/mask/mask.ts'
import type { ResultMessage } from '../../protocol/messages/results.ts'
import type { ServerFeature } from '../../protocol/messages/runner-features.ts'
import { seal } from '../../protocol/seal.ts'
import { defined } from '../../result.ts'
import { waitFor } from '../../system/backoff.ts'
import { pause } from '../../system/wait.ts'
import type { RunnerContext } from '../context.ts'
import type { JobRef } from '../events.ts'
import type { KeptFiles } from '../executors/executor.ts'
import type { JobEnd } from './job.ts'
import { jobMaskOf } from './job-mask.ts'
import { LogSender } from './log-sender.ts'
import { phaseSeconds } from './phases.ts'
import type { SpooledExecution } from './spooled-execution.ts'

/** Seconds: for the log before its result, and between tries at a server that does not know the execution. */
const timeouts = { log: 5, unknown: 60 }
/** Characters that a result may say of an error. */
const longestMessage = 60_000
/** The end of the year 9999, in milliseconds: RFC 3339 has no later times. */
const latest = 253_402_300_799_999

export interface DeliveryOptions {
  context: RunnerContext
  execution: SpooledExecution
  ref: JobRef
  /** Under which it is held now. */
  leaseId(): string
  /** Its log; undefined: nothing is left of that. */
  files(): KeptFiles | undefined
  /** The server does not want it any more. */
  drop(message: string): void
  /** Ends all waiting. */
  stop: AbortSignal
}

export class Delivery {
  readonly #options: DeliveryOptions
  readonly #answered = Promise.withResolvers<boolean>()
  /** Settles with the first answer to the result; true: the server has it. */
  readonly answered = this.#answered.promise
  #isDone = false
  #mask: Mask | undefined
  #sender: LogSender | undefined
  /** The server was away when it was to get the result. */
  #resultWasHard = false

  constructor(options: DeliveryOptions) {
    this.#options = options
  }

  /** Whether the server has the result. */
  get isDone(): boolean {
    return this.#isDone
  }

  /** The sender of its log. `resumed`: an earlier process may have sent some of it. */
  log(resumed: boolean): LogSender {
    const { context, execution, ref, leaseId, files, stop } = this.#options
    const { api, edges, back, emit } = context
    this.#mask ??= jobMaskOf(execution.job)
    this.#sender ??= new LogSender({
      mask: this.#mask,
      limit: execution.job.log_limit,
      files,
      append: (offset, bytes) => api.appendLog(execution.id, leaseId(), offset, bytes, stop),
      recoverSession: failure => context.recoverSession(failure),
      resumed,
      clock: edges.clock,
      random: edges.chance.random,
      back,
      over: stop,
      onRefused: (message, bytes) => emit({ event: 'log:refused', ...ref, message, bytes }),
    })
    return this.#sender
  }

  /** Gives log and result to the server; true: it has both. */
  async deliver(end: JobEnd): Promise<boolean> {
    const { clock } = this.#options.context.edges
    const log = end.log_length === 0 ? undefined : this.log(true)
    log?.finish(end.log_length)
    if (log !== undefined) {
      // With the log there, the result makes all of it last at once.
      const over = new AbortController()
      await Promise.race([log.done, clock.sleep(timeouts.log, over.signal)])
      over.abort()
    }
    if (!(await this.#sendResult(end))) return false
    if (this.#resultWasHard) log?.recheck()
    await log?.done
    return log === undefined || log.isComplete
  }

  async #sendResult(end: JobEnd): Promise<boolean> {
    const { context, execution, ref, stop, drop } = this.#options
    const { api, edges, back, emit } = context
    let output = end.output
    for (let failures = 0; !stop.aborted; ) {
      const said = await api.result(execution.id, this.#message(end, output), stop)
      this.#answered.resolve(said.ok)
      if (said.ok || said.failure.meaning === 'ended') {
        this.#isDone = true
        emit({ event: 'job:delivered', ...ref })
        return true
      }
      const { failure } = said
      const wait = (seconds: number) => pause(edges.clock, seconds, back, stop)
      switch (failure.meaning) {
        case 'again':
        case 'offset': {
          this.#resultWasHard = true
          const seconds = waitFor(++failures, edges.chance.random(), failure)
          if (failure.reason === 'quota-used-up')
            emit({
              event: 'job:waits',
              ...ref,
              message: `its result is kept here: ${failure.message}`,
              seconds,
            })
          await wait(seconds)
          break
        }
        case 'unknown':
          // A server restored from a backup: it may know it later.
          if (this.#isTooLate(end)) {
            drop(`the server does not know it: ${failure.message}`)
            return false
          }
          await wait(timeouts.unknown)
          break
        case 'refused':
          emit({
            event: 'notice',
            message: `the server refuses the result of execution ${execution.id}: ${failure.message}`,
          })
          if (output !== null) output = null
          else if (this.#isTooLate(end)) {
            drop(`the server refuses its result: ${failure.message}`)
            return false
          } else await wait(timeouts.unknown)
          break
        case 'not-held':
          drop(`the server does not want its result: ${failure.message}`)
          return false
        case 'stopped':
          return false
        default:
          if (!(await context.recoverSession(failure))) return false
      }
    }
    return false
  }

  /** Whether the server would not take it any more. */
  #isTooLate(end: JobEnd): boolean {
    const { edges, settings } = this.#options.context
    const { finished_at } = this.#timesOf(end)
    const age = (edges.clock.now().getTime() - Date.parse(finished_at)) / 1000
    return age > (settings()?.late_result_seconds ?? 86_400)
  }

  /** Its times by the clock as it is now: that may have been set since. */
  #timesOf({ started_at, finished_at, clock_offset }: JobEnd): Pick<JobEnd, 'started_at' | 'finished_at'> {
    const now = this.#options.context.clockOffset()
    if (clock_offset === undefined || now === undefined) return { started_at, finished_at }
    const later = (time: string) => new Date(Date.parse(time) + now - clock_offset)
    const [started, finished] = [later(started_at), later(finished_at)]
    const isTime = [started, finished].every(time => time.getTime() >= 0 && time.getTime() <= latest)
    return isTime
      ? { started_at: started.toISOString(), finished_at: finished.toISOString() }
      : { started_at, finished_at }
  }

  #message(end: JobEnd, output: JobEnd['output']): ResultMessage {
    const { exit_code, reason, error_message, log_length, log_sha256 } = end
    const { started_at, finished_at } = this.#timesOf(end)
    const key = this.#options.context.api.signed?.data_key
    const lost = end.output !== null && output === null
    return {
      lease_id: this.#options.leaseId(),
      outcome: lost && end.outcome === 'succeeded' ? 'failed' : end.outcome,
      reason: lost ? 'output-refused' : reason,
      error_message: lost
        ? 'the server does not take its output'
        : (error_message?.toWellFormed().slice(0, longestMessage) ?? null),
      output: output === null || key === undefined ? null : seal(JSON.stringify(output), key),
      exit_code,
      started_at,
      finished_at,
      log_length,
      log_sha256,
      ...defined({ image_digest: this.#options.execution.imageDigest }),
      ...this.#measures(end, new Date(finished_at)),
    }
  }

  /** The measurements that the server accepts. `finished`: the end, by the clock as it is now. */
  #measures({ phases, resources }: JobEnd, finished: Date): Pick<ResultMessage, 'phases' | 'resources'> {
    const { api, edges } = this.#options.context
    const takes = (field: ServerFeature) => api.signed?.features.includes(field)
    const result = phaseSeconds(finished, edges.clock.now())
    return {
      ...(phases !== undefined && takes('phases') && { phases: { ...phases, result } }),
      ...(resources !== undefined && takes('resources') && { resources }),
    }
  }
}
