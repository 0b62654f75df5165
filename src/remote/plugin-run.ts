/*
 * One job in a container with no server: what `runner plugin run` does.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutorConfiguration } from '../config/executor-section.ts'
import type { Edges } from '../edges.ts'
import { makeDirectory } from '../journal/files.ts'
import { startTicks } from '../process/tree.ts'
import { errorText, fail, ok, type Result } from '../result.ts'
import { startJob } from './execution.ts'
import { keepBusybox } from './executors/busybox.ts'
import { DockerExecutors } from './executors/docker.ts'
import { type DockerOptions, directoryOf } from './executors/docker-executor.ts'
import { Engine, type EngineFacts } from './executors/engine.ts'
import type { PullProgress } from './executors/images.ts'
import { explain } from './executors/probe.ts'
import { removeTree } from './executors/remove-tree.ts'
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
  onStarted(): void
  onLog: TakeLog
  /** What could not be removed; the next run tries again. */
  onLeft(message: string): void
  /** Asks the job to end. */
  stop: AbortSignal
  /** Ends the container. */
  hurry: AbortSignal
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

  const all = join(stateDir, 'plugin-run')
  const name = `${process.pid}-${startTicks(process.pid)}`
  const options = (name: string): DockerOptions => ({
    ...{ engine: engine.value, settings, workDir, edges },
    ...{ runnerId: `plugin-run-${name}`, busybox: busybox.value, processors: facts.value.processors },
  })
  let left = false
  const onLeft = (message: string) => {
    left = true
    run.onLeft(message)
  }
  try {
    makeDirectory(workDir)
    makeDirectory(join(all, name))
    await sweep(all, options)
    return await runIn(options(name), facts.value, { ...run, onLeft })
  } catch (error) {
    return fail(`${all}: ${errorText(error)}`)
  } finally {
    // By its directory the next run finds what is left of this one.
    if (!left) await removeTree(join(all, name))
  }
}

async function runIn(
  options: DockerOptions,
  facts: EngineFacts,
  run: PluginRun,
): Promise<Result<JobEnd, string>> {
  const { job, edges, stop, hurry } = run
  const executors = new DockerExecutors(options)
  const image = await executors.prepare(job.image, run.onPull, stop)
  if (!image.ok) return fail(image.failure.message)
  if (stop.aborted) return fail('it was asked to end before it had started')
  const launched = await executors.launch(image.value, 'plugin-run')
  if (!launched.ok) {
    const { message, left } = launched.failure
    if (left !== undefined) run.onLeft(`the container of executor ${left.id}`)
    return fail(explain(message, options, facts).message)
  }
  const executor = launched.value
  try {
    const execution = new Spool(join(directoryOf(options, executor.id), 'spool')).add(job)
    const { onLog, onStarted } = run
    const diskLimit = options.settings.disk_limit
    const started = await startJob(execution, executor, image.value, { edges, diskLimit, onLog, onStarted })
    if (!started.ok) return fail(started.failure.message)
    const watch = started.value
    const abort = () => watch.abort()
    const kill = () => void executor.kill()
    stop.addEventListener('abort', abort)
    hurry.addEventListener('abort', kill)
    if (stop.aborted) abort()
    const watched = await watch.ended
    stop.removeEventListener('abort', abort)
    hurry.removeEventListener('abort', kill)
    await execution.tidy()
    if (watched.state === 'ended') return ok(watched.end)
    const why = watched.state === 'not-started' ? watched.message : 'nobody watched it'
    return fail(explain(why, options, facts).message)
  } finally {
    const removed = await executor.remove()
    if (!removed.ok) run.onLeft(removed.failure.message)
  }
}

/** Removes what runs have left that were killed. */
async function sweep(all: string, options: (name: string) => DockerOptions): Promise<void> {
  for (const name of readdirSync(all)) {
    const [pid, ticks] = name.split('-')
    if (startTicks(Number(pid)) === ticks) continue
    const left = await new DockerExecutors(options(name)).adopt()
    if (!left.ok) continue
    const removed = await Promise.all(left.value.map(executor => executor.remove()))
    if (removed.every(result => result.ok)) await removeTree(join(all, name))
  }
}
