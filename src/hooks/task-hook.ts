import type { Clock } from '../edges.ts'
import type { LogFile } from '../process/log-file.ts'
import type { Outputs, Sink } from '../process/output.ts'
import { type Exit, startProcess } from '../process/start.ts'
import { watchProcess } from '../process/watch.ts'
import type { Stats } from './stats.ts'

/** One run of the hook. */
export interface HookRun {
  phase: 'pre' | 'post'
  /** Words of the command. */
  command: readonly string[]
  stats: Stats
  env: NodeJS.ProcessEnv
  /** Seconds; 0: for ever. */
  limit: number
  /** Seconds between SIGTERM and SIGKILL. */
  grace: number
  outputs: Outputs
  onOutput: Sink
  log: LogFile
  clock: Clock
  /** Ends the hook early; its reason is the signal. */
  stop: AbortSignal
  /** Ends all patience. */
  hurry: AbortSignal
}

/** Runs the hook; resolves to what went wrong, if anything did. Never rejects. */
export async function runHook(hook: HookRun): Promise<string | undefined> {
  const [program, ...args] = hook.command
  const capture = hook.outputs.open(chunk => {
    hook.log.write(chunk)
    return hook.onOutput(chunk)
  })
  const started = startProcess({
    command: program!,
    args: [...args, JSON.stringify(hook.stats)],
    env: { ...hook.env, RUNNER_HOOK: hook.phase },
    output: capture.output,
  })
  capture.started(started.pipes)
  const ended = await watchProcess(started, {
    limit: hook.limit,
    grace: hook.grace,
    clock: hook.clock,
    stop: hook.stop,
    hurry: hook.hurry,
  })
  capture.drain()
  hook.log.settle()
  capture.closed.then(() => hook.log.close())
  if (ended.why === 'limit') return `ran longer than hook_time, ${hook.limit} s, and was ended`
  if (ended.why === 'stop') return 'was ended with the run'
  return exitMessage(ended.exit)
}

function exitMessage(exit: Exit): string | undefined {
  if (exit.kind === 'not-started') return `could not be started: ${exit.message}`
  if (exit.kind === 'signalled') return `was ended by ${exit.signal}`
  return exit.code === 0 ? undefined : `ended with status ${exit.code}`
}
