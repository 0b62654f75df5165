/*
 * One job in a container with no server: what `runner plugin run` does.
 */
import { join } from 'node:path'
import type { ExecutorConfiguration } from '../config/executor-section.ts'
import type { Edges } from '../edges.ts'
import { errorText, fail, ok, type Result } from '../result.ts'
import { placeJob, startPlaced } from './execution.ts'
import { keepBusybox } from './executors/busybox.ts'
import { DockerExecutors } from './executors/docker.ts'
import { type DockerOptions, directoryOf } from './executors/docker-executor.ts'
import { Engine, type EngineFacts } from './executors/engine.ts'
import type { PullProgress } from './executors/images.ts'
import { explain } from './executors/probe.ts'
import { asGuest } from './guest.ts'
import type { TakeLog } from './log-follower.ts'
import { type Job, type JobEnd, Spool } from './spool.ts'

export interface PluginRun {
  job: Job
  settings: ExecutorConfiguration
  /** Where things are kept while it runs: those of an attached runner. */
  stateDir: string
  workDir: string
  env: NodeJS.ProcessEnv
  edges: Edges
  onPull(progress: PullProgress): void
  /** From here on it may run; `kill` ends it without waiting. */
  onOrdered(kill: () => void): void
  onStarted(): void
  onLog: TakeLog
  /** What could not be removed; the next run tries again. */
  onLeft(message: string): void
  /** Asks the job to end, or not to be started. */
  stop: AbortSignal
}

/** Runs a job to its end, and leaves nothing behind. Fails, with a sentence, where it has not been run. */
export async function runPlugin(run: PluginRun): Promise<Result<JobEnd, string>> {
  const { settings, env, edges, stateDir, workDir } = run
  const busybox = await keepBusybox(stateDir, env)
  if (!busybox.ok) return busybox
  const engine = await Engine.at(settings.docker_host, env, edges.clock)
  if (!engine.ok) return fail(engine.failure.message)
  const facts = await engine.value.facts()
  if (!facts.ok) return fail(facts.failure.message)

  const parts = { engine: engine.value, settings, workDir, edges }
  const machine = { busybox: busybox.value, processors: facts.value.processors, disk: facts.value }
  try {
    return await asGuest(stateDir, { ...parts, ...machine }, run.onLeft, options =>
      runIn(options, facts.value, run),
    )
  } catch (error) {
    return fail(`nothing can be kept in ${stateDir} or ${workDir}: ${errorText(error)}`)
  }
}

const asked = fail('it was asked to end before it had started')

async function runIn(
  options: DockerOptions,
  facts: EngineFacts,
  run: PluginRun,
): Promise<Result<JobEnd, string>> {
  const { job, edges, stop } = run
  if (stop.aborted) return asked
  const executors = new DockerExecutors(options)
  const image = await executors.prepare(job.image, run.onPull, stop)
  if (stop.aborted) return asked
  if (!image.ok) return fail(image.failure.message)
  const launched = await executors.launch(image.value, 'plugin-run', false)
  if (stop.aborted) return asked
  if (!launched.ok) return fail(explain(launched.failure.message, options, facts).message)
  const executor = launched.value
  const execution = new Spool(join(directoryOf(options, executor.id), 'spool')).add(job)
  const placed = await placeJob(execution, executor, image.value, edges.chance.id())
  if (!placed.ok) return fail(placed.failure.message)
  if (stop.aborted) {
    placed.value.leaf[Symbol.dispose]()
    return asked
  }
  const { onLog, onStarted } = run
  const diskLimit = options.settings.disk_limit
  const started = startPlaced(placed.value, { edges, diskLimit, onLog, onStarted })
  if (!started.ok) return fail(started.failure.message)
  const watch = started.value
  run.onOrdered(() => void executor.kill())
  stop.addEventListener('abort', () => watch.abort(), { once: true })
  const watched = await watch.ended
  if (watched.state === 'ended') return ok(watched.end)
  const why = watched.state === 'not-started' ? watched.message : 'nobody watched it'
  return fail(explain(why, options, facts).message)
}
