import type { TrySettings } from '../config/load.ts'
import type { Edges } from '../edges.ts'
import type { Emit, TryEnd, TryRef } from '../event.ts'
import type { LogFile } from '../process/log-file.ts'
import type { Outputs } from '../process/output.ts'
import { startProcess } from '../process/start.ts'
import { endTree } from '../process/tree.ts'
import { type Watched, watchProcess } from '../process/watch.ts'
import { outcomeOf } from './outcome.ts'
import { checkStartable } from './startable.ts'

/** How many last lines a report of a failure shows. */
const reportLines = 5

export interface TryContext {
  ref: TryRef
  path: string
  settings: TrySettings
  env: NodeJS.ProcessEnv
  log: LogFile
  outputs: Outputs
  emit: Emit
  edges: Edges
  /** Ends the try; its reason is the signal. */
  stop: AbortSignal
  /** Ends all patience. */
  hurry: AbortSignal
}

/** Runs one try of a task or of the halt task, from `try:started` to `try:ended`. Never rejects. */
export async function runTry(context: TryContext): Promise<TryEnd> {
  const { ref, settings, log, emit, edges } = context
  const started_at = edges.clock.now().toISOString()
  const before = edges.clock.monotonic()
  const { max_tries, max_time } = settings
  const { ended, closed } = await startAndWatch(context, pid =>
    emit({ event: 'try:started', ...ref, ...(pid === undefined ? {} : { pid }), max_tries, max_time }),
  )
  const outcome =
    ended.why === 'stop' ? 'INTERRUPTED' : ended.why === 'limit' ? 'RETRY' : outcomeOf(ended.exit)
  const end: TryEnd = {
    outcome,
    ...exitFacts(ended, settings),
    killed: ended.killed,
    survivors: ended.survivors,
    started_at,
    duration_seconds: Math.round((edges.clock.monotonic() - before) * 1000) / 1000,
    log: log.fact(),
    last_lines: outcome === 'OK' ? [] : log.lastLines(reportLines),
  }
  closed.then(() => log.close())
  emit({ event: 'try:ended', ...ref, ...end })
  return end
}

/** Starts the task, unless the kernel would refuse it, and leaves nothing of a try that is to be repeated. */
async function startAndWatch(
  context: TryContext,
  onStart: (pid: number | undefined) => void,
): Promise<{ ended: Watched; closed: Promise<void> }> {
  const { ref, path, settings, env, log, outputs, emit, edges, stop, hurry } = context
  const startable = checkStartable(path, settings.interpreter.length > 0)
  if (!startable.ok) {
    onStart(undefined)
    const exit = { kind: 'not-started', message: `${path} ${startable.failure.message}` } as const
    return { ended: { why: 'exit', exit, killed: [], survivors: [] }, closed: Promise.resolve() }
  }
  const capture = outputs.open(data => {
    log.write(data)
    return emit({ event: 'try:output', ...ref, data })
  })
  const tryId = edges.chance.id()
  const [program, ...args] = [...settings.interpreter, path]
  const started = startProcess({
    command: program!,
    args,
    env: { ...env, RUNNER_TRY_ID: tryId },
    output: capture.output,
  })
  capture.started(started.pipes)
  onStart(started.pid)
  const ended = await watchProcess(started, {
    limit: settings.max_time,
    grace: settings.kill_grace,
    clock: edges.clock,
    stop,
    hurry,
    tryId,
    onLimit: () => emit({ event: 'try:limit', ...ref, max_time: settings.max_time }),
  })
  if (ended.why === 'exit' && started.pid !== undefined && outcomeOf(ended.exit) === 'RETRY') {
    const tree = { leader: started.pid, tryId }
    const end = { signal: 'SIGTERM', grace: settings.kill_grace, clock: edges.clock, hurry } as const
    Object.assign(ended, await endTree(tree, end))
  }
  capture.drain()
  return { ended, closed: capture.closed }
}

function exitFacts({ why, exit, survivors }: Watched, settings: TrySettings): Partial<TryEnd> {
  const status =
    exit.kind === 'exited'
      ? { exit_code: exit.code }
      : exit.kind === 'signalled'
        ? { signal: exit.signal }
        : {}
  if (survivors.length > 0) {
    const names = survivors.map(({ pid, command }) => `${pid} (${command})`).join(', ')
    return { ...status, failure: { reason: 'not-ended', message: `SIGKILL did not end ${names}` } }
  }
  if (why === 'limit') return { ...status, failure: { reason: 'timed-out', max_time: settings.max_time } }
  if (exit.kind === 'not-started') return { failure: { reason: 'not-started', message: exit.message } }
  return status
}
