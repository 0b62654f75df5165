/* Runs a job in a slot with no server, once or several times, for `runner plugin run`. */
import { join } from 'node:path'
import type { ExecutorConfiguration } from '../../config/sections/executor.ts'
import type { Edges } from '../../edges.ts'
import { errorText, fail, ok, type Result } from '../../result.ts'
import type { ExecutorBackend, Slot } from '../executors/executor.ts'
import type { PullProgress } from '../executors/image.ts'
import { loadBackend } from '../executors/open.ts'
import { placeJob, startPlaced, takeBack } from '../job/handover.ts'
import type { AssignedJob, JobEnd } from '../job/job.ts'
import type { TakeLog } from '../job/log-follower.ts'
import { Spool } from '../job/spool.ts'
import { JobWatch } from '../job/watch.ts'
import { asEphemeralRunner } from './ephemeral.ts'

export interface PluginRun {
  /** The job; each time another execution of it. */
  job(): AssignedJob
  /** The number of times that it runs, unless one fails before. */
  times: number
  settings: ExecutorConfiguration
  /** Where things are kept while it runs: those of an attached runner. */
  stateDir: string
  workDir: string
  env: NodeJS.ProcessEnv
  edges: Edges
  onPull(progress: PullProgress): void
  /** From here on it may run; `kill` ends it without waiting. */
  onOrdered(kill: () => void): void
  onStarted(job: AssignedJob): void
  onLog: TakeLog
  /** Called at each end; the next run waits for what it does. */
  onEnded(job: AssignedJob, end: JobEnd): Promise<void>
  /** Reports things that could not be removed; the next run tries again. */
  onLeft(message: string): void
  /** Asks the job to end, or not to be started. */
  stop: AbortSignal
}

/**
 * Runs a job to its end, and leaves nothing behind. Gives the last end; fails, with a sentence, where it has
 * not been run.
 */
export async function runPlugin(run: PluginRun): Promise<Result<JobEnd, string>> {
  const { settings, env, edges, stateDir, workDir, onLeft } = run
  const openBackend = await loadBackend(settings.backend)
  const backendOf = (runnerId: string) =>
    openBackend({
      settings,
      stateDir,
      helperDir: stateDir,
      workDir,
      runnerId,
      env,
      edges,
      onImageRemoved: () => {},
      onProblem: onLeft,
    })
  try {
    const well = await backendOf('plugin-run').requirements()
    const lacking = well.find(({ problem }) => problem !== undefined)
    if (lacking?.problem !== undefined) return fail(lacking.problem)
    const facts = await backendOf('plugin-run').health(run.stop)
    if (!facts.ok) return fail(facts.failure.message)
    return await asEphemeralRunner({ stateDir, workDir, backendOf, onLeft }, (backend, directory) =>
      runIn(backend, directory, run),
    )
  } catch (error) {
    return fail(`nothing can be kept in ${stateDir} or ${workDir}: ${errorText(error)}`)
  }
}

const asked = fail('it was asked to end before it had started')

async function runIn(
  backend: ExecutorBackend,
  directory: string,
  run: PluginRun,
): Promise<Result<JobEnd, string>> {
  const { edges, stop, onPull, times } = run
  const spool = new Spool(join(directory, 'spool'))
  let slot: Slot | undefined
  for (let time = 1; ; time++) {
    const job = run.job()
    if (slot === undefined) {
      if (stop.aborted) return asked
      const prepared = await backend.prepare(
        { image: job.image, plugin: job.kind === 'plugin' },
        onPull,
        stop,
      )
      if (stop.aborted) return asked
      if (!prepared.ok) return fail(prepared.failure.message)
      const options = { slotId: edges.chance.id(), group: 'plugin-run', ephemeral: times === 1 }
      const opened = await backend.open(prepared.value, options, stop)
      if (stop.aborted) return asked
      if (!opened.ok) return fail(await causeOf(backend, opened.failure.message, stop))
      slot = opened.value
    }
    const ended = await runOnce(backend, slot, spool, job, run)
    if (!ended.ok) return ended
    await run.onEnded(job, ended.value)
    if (time === times || ended.value.outcome !== 'succeeded' || stop.aborted) return ended
    if (slot.reusable && (await slot.clean()) === 'clean') continue
    await backend.close(slot.ref)
    slot = undefined
  }
}

/** Runs the job once in a slot. */
async function runOnce(
  backend: ExecutorBackend,
  slot: Slot,
  spool: Spool,
  job: AssignedJob,
  run: PluginRun,
): Promise<Result<JobEnd, string>> {
  const { edges, stop, onLog, onStarted, onOrdered } = run
  const execution = spool.add(job)
  const placed = await placeJob(execution, slot)
  if (!placed.ok) return fail(placed.failure.message)
  if (stop.aborted) {
    await takeBack(placed.value)
    return asked
  }
  const started = await startPlaced(placed.value)
  if (!started.ok) return fail(started.failure.message)
  const handle = started.value
  const watch = new JobWatch(execution, handle, { edges, onLog, onStarted: () => onStarted(job) })
  onOrdered(() => void backend.close(slot.ref))
  const abort = () => watch.abort()
  stop.addEventListener('abort', abort, { once: true })
  if (stop.aborted) watch.abort()
  const watched = await watch.ended
  stop.removeEventListener('abort', abort)
  await handle.discard()
  if (watched.state === 'ended') return ok(watched.end)
  const why = watched.state === 'not-started' ? watched.message : 'nobody watched it'
  return fail(await causeOf(backend, why, stop))
}

/**
 * Finds the cause of a failure. If a job of runner's own fails too, it is the failure of that job; else it is
 * the given message.
 */
async function causeOf(backend: ExecutorBackend, message: string, stop: AbortSignal): Promise<string> {
  const probed = await backend.probe(stop)
  return probed.ok ? message : probed.failure.message
}
