import { formatDiagnostic } from '../config/diagnostic.ts'
import { systemClock } from '../edges.ts'
import { exitStatus } from '../exit-status.ts'
import { jsonText } from '../process/printable.ts'
import { startTicks } from '../process/tree.ts'
import { readPresence } from '../remote/presence.ts'
import { namesInSpool } from '../remote/spool.ts'
import { errorCode, errorText } from '../result.ts'
import { loadTrusted, unfitDirectories } from './load-configuration.ts'
import type { GlobalOptions } from './options.ts'
import { print, sayError } from './say.ts'
import { catchSignals } from './signals.ts'

export interface DrainCommandOptions extends GlobalOptions {
  wait: boolean
  json: boolean
}

/** Seconds between two looks at whether the process has gone. */
const lookEvery = 0.2

/** `runner drain`: resolves to the exit status. */
export async function drainCommand(options: DrainCommandOptions, env: NodeJS.ProcessEnv): Promise<number> {
  const loaded = loadTrusted(options, env)
  if (!loaded.ok) {
    for (const failure of loaded.failure) sayError(`runner: ${formatDiagnostic(failure)}\n`)
    return exitStatus.config
  }
  const { state_dir } = loaded.value.remote
  // It says which process gets a signal.
  const unfit = unfitDirectories([state_dir], options)
  if (unfit !== undefined) {
    sayError(`runner: ${unfit}\n`)
    return exitStatus.config
  }
  const presence = readPresence(state_dir)
  const tell = (state: string, text: string) => {
    const executions = namesInSpool(state_dir)
    if (options.json) print(`${jsonText({ state, pid: presence?.pid ?? null, executions })}\n`)
    else if (!options.quiet) sayError(`runner: ${text}\n`)
  }
  if (presence === undefined) {
    tell('not-attached', `no runner is attached with ${state_dir}`)
    return exitStatus.noRun
  }
  const { pid, start_ticks, beside_server: beside } = presence
  const who = beside ? `the runner in the server of process ${pid}` : `process ${pid}`
  try {
    process.kill(pid, 'SIGUSR2')
  } catch (error) {
    sayError(`runner: ${who} cannot be asked: ${errorText(error)}\n`)
    return errorCode(error) === 'EPERM' ? exitStatus.refused : exitStatus.internal
  }
  if (!options.wait) {
    tell('draining', `${who} ends when ${namesInSpool(state_dir).length} executions have ended`)
    return exitStatus.ok
  }
  using signals = catchSignals()
  const isThere = () => (beside ? readPresence(state_dir)?.pid === pid : startTicks(pid) === start_ticks)
  while (isThere() && !signals.stop.aborted) await systemClock.sleep(lookEvery, signals.stop)
  if (signals.stop.aborted) {
    sayError(`runner: not waiting for ${who} any more; it goes on draining\n`)
    return exitStatus.interrupted[signals.stop.reason as 'SIGINT' | 'SIGTERM']
  }
  tell('stopped', `${who} has stopped`)
  return exitStatus.ok
}
