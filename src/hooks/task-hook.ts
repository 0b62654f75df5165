import type { Edges } from '../edges.ts'
import type { Emit, HookRef } from '../event.ts'
import type { LogFile } from '../process/log-file.ts'
import type { Outputs } from '../process/output.ts'
import { runProcess } from '../process/run-process.ts'
import type { Watched } from '../process/watch.ts'
import type { Stats } from './stats.ts'

/** How many last lines a report of a failure shows. */
const reportLines = 5

/** One run of the hook. */
export interface HookRun {
  ref: HookRef
  /** Words of the command. */
  command: readonly string[]
  stats: Stats
  env: NodeJS.ProcessEnv
  /** Seconds; 0: for ever. */
  limit: number
  /** Seconds between SIGTERM and SIGKILL. */
  grace: number
  outputs: Outputs
  log: LogFile
  emit: Emit
  edges: Edges
  /** Ends the hook early; its reason is the signal. */
  stop: AbortSignal
  /** Ends all patience. */
  hurry: AbortSignal
  /** Called when nobody can write to the output any more. */
  onClosed: () => void
}

/** Runs the hook, from `hook:started` to `hook:ended`. Never rejects. */
export async function runHook(hook: HookRun): Promise<void> {
  const { ref, outputs, log, onClosed, emit, edges, limit, grace, stop, hurry } = hook
  const [program, ...args] = hook.command
  const hookId = edges.chance.id()
  // Before the process, so that what a crash leaves of it can be found by this id.
  const file = log.path === undefined ? {} : { log: log.path }
  emit({ event: 'hook:started', ...ref, hook_id: hookId, ...file })
  const ended = await runProcess({
    start: {
      command: program!,
      args: [...args, JSON.stringify(hook.stats)],
      env: { ...hook.env, RUNNER_HOOK: ref.hook, RUNNER_HOOK_ID: hookId },
    },
    watch: { limit, grace, clock: edges.clock, stop, hurry, id: hookId },
    ...{ outputs, log, onClosed },
    onOutput: data => emit({ event: 'hook:output', ...ref, data }),
    onRunning: running => emit({ event: 'hook:running', ...ref, ...running }),
  })
  const failure = failureOf(ended, limit)
  emit({
    event: 'hook:ended',
    ...ref,
    ...(failure === undefined ? {} : { failure }),
    killed: ended.killed,
    survivors: ended.survivors,
    log: log.settle(),
    last_lines: failure === undefined ? [] : log.lastLines(reportLines),
  })
}

/** What went wrong, in words that follow `the hook`; undefined where nothing did. */
function failureOf({ why, exit }: Watched, limit: number): string | undefined {
  if (why === 'limit') return `ran longer than hook_time, ${limit} s, and was ended`
  if (why === 'stop') return 'was ended with the run'
  if (exit.kind === 'not-started') return `could not be started: ${exit.message}`
  if (exit.kind === 'signalled') return `was ended by ${exit.signal}`
  return exit.code === 0 ? undefined : `ended with status ${exit.code}`
}
