import type { TrySettings } from '../config/sections/task.ts'
import type { Edges } from '../edges.ts'
import type { Emit, TryEnd, TryRef } from '../event.ts'
import type { LogFile } from '../process/log-file.ts'
import type { Outputs } from '../process/output.ts'
import { runProcess } from '../process/run-process.ts'
import type { WatchedProcess } from '../process/watch.ts'
import { defined } from '../result.ts'
import { outcomeOf } from './outcome.ts'
import { checkStartable } from './startable.ts'

/** The number of last lines that a report of a failure shows. */
const reportLines = 5

export interface TryContext {
  ref: TryRef
  path: string
  /** Why the task may not be started, in words that follow its path. */
  refusal?: string | undefined
  settings: TrySettings
  /** Whether a task can ask for a reboot. */
  canReboot: boolean
  env: NodeJS.ProcessEnv
  log: LogFile
  outputs: Outputs
  emit: Emit
  edges: Edges
  /** Ends the try; its reason is the signal. */
  stop: AbortSignal
  /** Ends every grace period. */
  hurry: AbortSignal
  /** Called when no process can write to the output any more. */
  onClosed: () => void
}

/** Runs one try of a task or of the halt task, from `try:started` to `try:ended`. Never rejects. */
export async function runTry(context: TryContext): Promise<TryEnd> {
  const { ref, settings, canReboot, log, emit, edges } = context
  const started_at = edges.clock.now().toISOString()
  const before = edges.clock.monotonic()
  const { max_tries, max_time } = settings
  const tryId = edges.chance.id()
  // The event comes before the process: after a crash its processes are found by this id.
  const file = defined({ log: log.path })
  emit({ event: 'try:started', ...ref, try_id: tryId, max_tries, max_time, ...file })
  const ended = await startAndWatch(context, tryId)
  const outcome =
    ended.why === 'stop' ? 'INTERRUPTED' : ended.why === 'limit' ? 'RETRY' : outcomeOf(ended.exit, canReboot)
  const end: TryEnd = {
    outcome,
    ...exitFacts(ended, settings),
    killed: ended.killed,
    survivors: ended.survivors,
    started_at,
    duration_seconds: Math.round((edges.clock.monotonic() - before) * 1000) / 1000,
    log: log.settle(),
    last_lines: outcome === 'OK' ? [] : log.lastLines(reportLines),
  }
  emit({ event: 'try:ended', ...ref, ...end })
  return end
}

/** Starts the task, unless the kernel would refuse it. Of a try that is to be repeated no process is left. */
async function startAndWatch(context: TryContext, tryId: string): Promise<WatchedProcess> {
  const { ref, path, settings, canReboot, env, log, outputs, onClosed } = context
  const { emit, edges, stop, hurry } = context
  const startable = checkStartable(path, settings.interpreter.length > 0, env.PATH)
  const refusal = context.refusal ?? (startable.ok ? undefined : startable.failure.message)
  if (refusal !== undefined) {
    log.close()
    const exit = { kind: 'not-started', message: `${path} ${refusal}` } as const
    return { why: 'exit', exit, killed: [], survivors: [] }
  }
  const [program, ...args] = [...settings.interpreter, path]
  return await runProcess({
    start: { command: program!, args, env: { ...env, RUNNER_TRY_ID: tryId } },
    watch: {
      limit: settings.max_time,
      grace: settings.kill_grace,
      clock: edges.clock,
      stop,
      hurry,
      id: tryId,
      onLimit: () => emit({ event: 'try:limit', ...ref, max_time: settings.max_time }),
      leavesNothing: exit => outcomeOf(exit, canReboot) === 'RETRY',
    },
    outputs,
    log,
    onClosed,
    onOutput: data => emit({ event: 'try:output', ...ref, data }),
    onRunning: running => emit({ event: 'try:running', ...ref, ...running }),
  })
}

function exitFacts({ why, exit, survivors }: WatchedProcess, settings: TrySettings): Partial<TryEnd> {
  const status = defined({
    exit_code: exit.kind === 'exited' ? exit.code : undefined,
    signal: exit.kind === 'signalled' ? exit.signal : undefined,
  })
  if (survivors.length > 0) {
    const names = survivors.map(({ pid, command }) => `${pid} (${command})`).join(', ')
    return { ...status, failure: { reason: 'not-ended', message: `SIGKILL did not end ${names}` } }
  }
  if (why === 'limit') return { ...status, failure: { reason: 'timed-out', max_time: settings.max_time } }
  if (exit.kind === 'not-started') return { failure: { reason: 'not-started', message: exit.message } }
  return status
}
