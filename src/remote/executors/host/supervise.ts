/*
 * The supervisor of one host job. It outlives runner, writes the job's log, enforces its time limit, and
 * writes how the job ended when no process of the job lives any more.
 *
 *   claim ── made by another process ──► nothing is started
 *     └─ made here ──► leader runs ── exit | limit | stop | log lost ──► signal, grace
 *                                       exit.json ◄── SIGKILL for all ◄────────────┘
 */
import { closeSync, type FSWatcher, openSync, rmSync, watch, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import type { Clock, Edges } from '../../../edges.ts'
import { Outputs } from '../../../process/output.ts'
import { type Exit, type StartedProcess, startProcess } from '../../../process/start.ts'
import { defined, errorCode, errorText } from '../../../result.ts'
import { useOfUnit } from '../../../system/cgroup.ts'
import { readProcFile } from '../../../system/proc.ts'
import { Notifier, pause } from '../../../system/wait.ts'
import type { JobResources } from '../executor.ts'
import { type HostExit, type HostOrder, type JobDirectory, refOf } from './job-directory.ts'
import { cgroupOfUnit, killAll, sendSignal } from './processes.ts'

/** Seconds between two looks for `stop`, since the system may not tell of changes. */
const lookEvery = 0.5
/** The longest pause between two tries to write how the job ended, in seconds. */
const longestPause = 30

/** Runs the job of a directory to its end; `signalled` aborts when this process is asked to end. */
export async function supervise(job: JobDirectory, { clock }: Edges, signalled: AbortSignal): Promise<void> {
  const { order } = job
  if (order === undefined) return
  const at = clock.now().toISOString()
  const began = clock.monotonic()
  if (!job.makeClaim({ by: 'supervisor', supervisor: refOf(process.pid), at })) return
  using log = new JobLog(job.log)
  const outputs = new Outputs(job.path)
  const capture = outputs.open(bytes => log.write(bytes))
  const [command, ...args] = order.words
  const started = startProcess({
    command,
    args,
    cwd: job.files,
    output: capture.output,
    env: { ...order.env, RUNNER_TRY_ID: order.nonce },
    ...order.user,
  })
  capture.started(started.pipes)
  if (started.pid !== undefined) job.writeLeader(refOf(started.pid))
  const end = await endOf(started, order, { job, log, clock, signalled })
  const tree = { ...defined({ leader: started.pid }), id: order.nonce }
  const left = await killAll(tree, order.unit === undefined ? undefined : cgroupOfUnit(order.unit), clock)
  capture.drain()
  outputs[Symbol.dispose]()
  const refused = end.exit?.kind === 'not-started'
  if (end.exit?.kind === 'not-started')
    log.write(Buffer.from(`runner: the job cannot be started: ${end.exit.message}\n`))
  const why = log.isLost && end.why === 'exit' ? 'disk' : end.why
  const used = order.unit === undefined ? {} : usedIn(order.unit)
  // The exit is written last: runner may move the directory away as soon as it exists.
  job.removeOrder()
  rmSync(join(job.files, 'input'), { recursive: true, force: true })
  const finished = clock.now()
  const seconds = clock.monotonic() - began
  await keepExit(job, clock, {
    code: codeOf(end.exit),
    why,
    killed: end.killed,
    refused,
    left,
    used,
    // Computed from the time that the job ran, since the wall clock may have been set meanwhile.
    started_at: new Date(finished.getTime() - seconds * 1000).toISOString(),
    at: finished.toISOString(),
  })
}

/** Measures the job's unit, and subtracts the processor time of this process. The memory is that of both. */
function usedIn(unit: string): JobResources {
  const { cpuSeconds, ...memory } = useOfUnit(readProcFile('self/cgroup'), unit)
  if (cpuSeconds === undefined) return memory
  const { user, system } = process.cpuUsage()
  return { ...memory, cpuSeconds: Math.max(0, cpuSeconds - (user + system) / 1e6) }
}

/** Writes how the job ended; tries again while the disk is full. */
async function keepExit(job: JobDirectory, clock: Clock, exit: HostExit): Promise<void> {
  for (let seconds = 0.1; ; seconds = Math.min(2 * seconds, longestPause)) {
    try {
      return job.writeExit(exit)
    } catch (error) {
      // Runner has closed the slot, so nobody will read the exit.
      if (errorCode(error) === 'ENOENT') return
      await clock.sleep(seconds)
    }
  }
}

interface End {
  why: HostExit['why']
  /** Undefined if the leader has not ended within its grace, so it has to be killed. */
  exit: Exit | undefined
  killed: boolean
}

interface Surroundings {
  job: JobDirectory
  log: JobLog
  clock: Clock
  signalled: AbortSignal
}

/**
 * Waits until the leader ends or has to end; then sends it, and no other process, the signal, and waits for
 * its grace.
 */
async function endOf(started: StartedProcess, order: HostOrder, around: Surroundings): Promise<End> {
  const { clock } = around
  const over = new AbortController()
  const exited = started.exited.then(exit => ({ why: 'exit' as const, exit }))
  const asked: Promise<{ why: HostExit['why']; exit?: Exit }>[] = [
    exited,
    stopAsked(around, over.signal),
    around.log.lost.then(() => ({ why: 'disk' as const })),
  ]
  if (order.limit > 0)
    asked.push(clock.sleep(order.limit, over.signal).then(() => ({ why: 'limit' as const })))
  const first = await Promise.race(asked)
  if (first.exit !== undefined || started.pid === undefined) {
    over.abort()
    return { why: 'exit', exit: await started.exited, killed: false }
  }
  sendSignal(started.pid, order.signal)
  const late = clock.sleep(order.grace, over.signal).then(() => undefined)
  const ended = await Promise.race([started.exited, late])
  over.abort()
  return { why: first.why, exit: ended, killed: ended === undefined }
}

/** Settles when runner asks for the end of the job, or this process gets a signal. */
async function stopAsked(
  { job, clock, signalled }: Surroundings,
  over: AbortSignal,
): Promise<{ why: 'stop' }> {
  const changed = new Notifier()
  let watcher: FSWatcher | undefined
  try {
    watcher = watch(job.path, { persistent: false }, () => changed.notify())
    watcher.on('error', () => watcher?.close())
  } catch {
    // Without a watcher, a look every half second is enough.
  }
  const either = AbortSignal.any([signalled, over])
  while (!job.stopAsked && !either.aborted) await pause(clock, lookEvery, changed, either)
  watcher?.close()
  return { why: 'stop' }
}

/** The exit status as the shell counts it. */
function codeOf(exit: Exit | undefined): number {
  if (exit === undefined) return 128 + constants.signals.SIGKILL
  if (exit.kind === 'exited') return exit.code
  return exit.kind === 'not-started' ? 127 : 128 + constants.signals[exit.signal]
}

/** The log of a job. It is lost as a whole once a write has failed, for example on a full disk. */
class JobLog implements Disposable {
  readonly #fd: number
  readonly #lost = Promise.withResolvers<void>()
  isLost = false

  constructor(path: string) {
    this.#fd = openSync(path, 'a', 0o600)
  }

  /** Settles when a write has failed. */
  get lost(): Promise<void> {
    return this.#lost.promise
  }

  write(bytes: Uint8Array): void {
    if (this.isLost) return
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done)
    } catch (error) {
      this.isLost = true
      this.#lost.resolve()
      console.error(`the log of the job is lost: ${errorText(error)}`)
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd)
  }
}
