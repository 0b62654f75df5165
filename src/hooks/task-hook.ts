import type { Edges } from '../edges.ts'
import type { Emit, HookEnd, HookRef } from '../event.ts'
import type { LogFile } from '../process/log-file.ts'
import type { Outputs } from '../process/output.ts'
import { runProcess } from '../process/run-process.ts'
import type { WatchedProcess } from '../process/watch.ts'
import { defined } from '../result.ts'
import type { TryStats } from './stats.ts'

/** The number of last lines that a report of a failure shows. */
const reportLines = 5

/** One run of the hook. */
export interface HookRun {
  ref: HookRef
  /** Words of the command. */
  command: readonly string[]
  /** The last argument; absent for a condition. */
  stats?: TryStats
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
  /** Ends every grace period. */
  hurry: AbortSignal
  /** Called when no process can write to the output any more. */
  onClosed: () => void
}

/** Runs the hook, from `hook:started` to `hook:ended`; resolves to its end. Never rejects. */
export async function runHook(hook: HookRun): Promise<HookEnd> {
  const { ref, outputs, log, onClosed, emit, edges, limit, grace, stop, hurry } = hook
  const [program, ...args] = hook.command
  const hookId = edges.chance.id()
  // The event comes before the process: after a crash its processes are found by this id.
  emit({ event: 'hook:started', ...ref, hook_id: hookId, ...defined({ log: log.path }) })
  const ended = await runProcess({
    start: {
      command: program!,
      args: [...args, ...(hook.stats === undefined ? [] : [JSON.stringify(hook.stats)])],
      env: { ...hook.env, RUNNER_HOOK: ref.hook, RUNNER_HOOK_ID: hookId },
    },
    watch: { limit, grace, clock: edges.clock, stop, hurry, id: hookId },
    outputs,
    log,
    onClosed,
    onOutput: data => emit({ event: 'hook:output', ...ref, data }),
    onRunning: running => emit({ event: 'hook:running', ...ref, ...running }),
  })
  const isCondition = ref.hook === 'condition'
  const failure = isCondition && saysNo(ended) ? undefined : failureOf(ended, limit)
  const end: HookEnd = {
    ...defined({ failure, exit_code: isCondition ? statusOf(ended) : undefined }),
    killed: ended.killed,
    survivors: ended.survivors,
    log: log.settle(),
    last_lines: failure === undefined ? [] : log.lastLines(reportLines),
  }
  emit({ event: 'hook:ended', ...ref, ...end })
  return end
}

/** The status of a process that ended by itself. */
function statusOf({ why, exit }: WatchedProcess): number | undefined {
  return why === 'exit' && exit.kind === 'exited' ? exit.code : undefined
}

/** A condition that does not hold ends as systemd's ExecCondition= does; 255 is a failure. */
function saysNo(ended: WatchedProcess): boolean {
  const status = statusOf(ended)
  return status !== undefined && status > 0 && status < 255
}

/** The failure of a hook in words that follow `the hook`; undefined where there is none. */
function failureOf({ why, exit }: WatchedProcess, limit: number): string | undefined {
  if (why === 'limit') return `ran longer than hook_time, ${limit} s, and was ended`
  if (why === 'stop') return 'was ended with the run'
  if (exit.kind === 'not-started') return `could not be started: ${exit.message}`
  if (exit.kind === 'signalled') return `was ended by ${exit.signal}`
  return exit.code === 0 ? undefined : `ended with status ${exit.code}`
}
