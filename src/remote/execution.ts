/* Hands an execution over to its executor, or takes up what an earlier process has handed over. */
import { closeSync } from 'node:fs'
import { constants } from 'node:os'
import { errorText, fail, ok, type Result } from '../result.ts'
import type { Executor, ExecutorFailure, Order } from './executors/executor.ts'
import { Leaf } from './executors/leaf.ts'
import { type ImageFacts, orderText, wordsOf } from './executors/order.ts'
import { JobWatch, type WatchOptions } from './job-watch.ts'
import { contractVariables, sealInput } from './plugin.ts'
import type { Execution, Job } from './spool.ts'

export type StartFailure =
  | ExecutorFailure
  | { reason: 'no-command' | 'job-invalid' | 'spool-lost'; message: string }

function orderOf(job: Job, image: ImageFacts, nonce: string): Result<Order, StartFailure> {
  const words = wordsOf(image, { command: job.command, args: job.args, env: job.env })
  if (!words.ok) return fail({ reason: 'no-command', message: words.failure })
  const plugin = job.input !== undefined
  const contract = plugin ? contractVariables(job.execution_id, job.session_key, job.release_url) : {}
  const program = orderText(words.value, { ...job.env, ...job.secret_env, ...contract }, image)
  if (!program.ok) return fail({ reason: 'job-invalid', message: program.failure })
  const asked = job.abort_signal
  // One that there is not would be sent to nobody.
  if (asked !== undefined && !isSignal(asked))
    return fail({ reason: 'job-invalid', message: `its abort_signal ${asked} is no signal; SIGTERM is one` })
  return ok({
    execution_id: job.execution_id,
    nonce,
    program: program.value,
    ...(job.input === undefined ? {} : { input: sealInput(job.input, job.session_key) }),
    limit: job.max_time_seconds,
    grace: job.abort_timeout_seconds,
    signal: (asked ?? (isSignal(image.stop_signal) ? image.stop_signal : 'TERM')).replace(/^SIG/, ''),
  })
}

/** Whether it is one as the shell's kill takes it, but for SIG before it: `SIGTERM`, `15`, `RTMIN+3`. */
function isSignal(text: string): boolean {
  const name = text.replace(/^SIG/, '')
  return `SIG${name}` in constants.signals || /^(\d{1,2}|RTM(IN|AX)([+-]\d{1,2})?)$/.test(name)
}

/** A job whose files are where it is to run, and of whose place the spool knows. Only the order is missing. */
export interface Placed {
  execution: Execution
  executor: Executor
  order: Order
  leaf: Leaf
}

/** Puts a job in its place, from which `takeBack` takes it. */
export async function placeJob(
  execution: Execution,
  executor: Executor,
  image: ImageFacts,
  nonce: string,
): Promise<Result<Placed, StartFailure>> {
  const order = orderOf(execution.job, image, nonce)
  if (!order.ok) return order
  let leaf: Leaf
  try {
    leaf = executor.makeLeaf(order.value)
  } catch (error) {
    return fail({ reason: 'spool-lost', message: `the job's files cannot be made: ${errorText(error)}` })
  }
  try {
    await execution.writePlace({ executor_id: executor.id, nonce, leaf: leaf.identity })
  } catch (error) {
    leaf[Symbol.dispose]()
    return fail(spoolLost(execution, error))
  }
  return ok({ execution, executor, order: order.value, leaf })
}

/** Takes a job out of its place. False: something of it is left there, and nothing else may run in that executor. */
export async function takeBack({ execution, executor, leaf }: Placed): Promise<boolean> {
  const { identity } = leaf
  leaf[Symbol.dispose]()
  if (!(await executor.removeLeaf(execution.id, identity))) return false
  try {
    execution.clearPlace()
    return true
  } catch {
    return false
  }
}

/** Gives the order: from here on it may have started. */
export function startPlaced(placed: Placed, options: WatchOptions): Result<JobWatch, StartFailure> {
  const { execution, executor, order, leaf } = placed
  try {
    execution.beginOrder()
  } catch (error) {
    leaf[Symbol.dispose]()
    return fail(spoolLost(execution, error))
  }
  // Opened before a job can remove it.
  const log = executor.openLog(execution.id, leaf)
  const started = executor.start(order)
  if (started.ok) return ok(new JobWatch(execution, executor, leaf, log, order.nonce, options))
  if (log.ok) closeSync(log.value)
  leaf[Symbol.dispose]()
  return started
}

/** Hands a job over. The spool knows of it before the executor does. */
export async function startJob(
  execution: Execution,
  executor: Executor,
  image: ImageFacts,
  options: WatchOptions,
): Promise<Result<JobWatch, StartFailure>> {
  const placed = await placeJob(execution, executor, image, options.edges.chance.id())
  return placed.ok ? startPlaced(placed.value, options) : placed
}

function spoolLost(execution: Execution, error: unknown): StartFailure {
  return { reason: 'spool-lost', message: `${execution.directory}: ${errorText(error)}` }
}

/**
 * Takes up a job of an earlier process, running or over. `executor` undefined: there is neither a container nor a
 * directory of it any more. Fails with `executor-lost` where nothing of the job is left; it may have run.
 */
export function adoptJob(
  execution: Execution,
  executor: Executor | undefined,
  options: WatchOptions,
): Result<JobWatch, ExecutorFailure> {
  const { place } = execution
  const nowhere = fail({ reason: 'executor-lost' as const, message: 'its executor and its files are gone' })
  if (place === undefined) return nowhere
  const kept = Leaf.open(execution.leaf, place.leaf)
  const leaf = kept.ok ? kept : executor?.openLeaf(execution.id, place)
  if (leaf === undefined) return nowhere
  if (!leaf.ok) return leaf
  const log =
    kept.ok || executor === undefined
      ? leaf.value.openFile('log')
      : executor.openLog(execution.id, leaf.value)
  return ok(new JobWatch(execution, executor, leaf.value, log, place.nonce, options))
}
