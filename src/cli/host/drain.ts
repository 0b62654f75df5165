import { systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { namesInSpool } from '../../remote/job/spool.ts'
import { readPidFile } from '../../remote/link/pid-file.ts'
import { printJson, sayError } from '../../report/say.ts'
import { errorCode, errorText } from '../../result.ts'
import { startTicks } from '../../system/proc.ts'
import { loadTrusted, refusesDirectories, sayFindings } from '../config.ts'
import { defineCommand, type NewCommand, type OptionsOf } from '../define-command.ts'
import { catchSignals, interruptedBy } from '../signals.ts'

const options = (command: NewCommand) =>
  command
    .option('--wait', 'wait until it has stopped', false)
    .option('--json', 'print one JSON object', false)

type Options = OptionsOf<typeof options>

/** Seconds between two looks at whether the process has gone. */
const lookEvery = 0.2

/** Asks the attached runner of this host to drain; resolves to the exit status. */
async function drain(options: Options, env: NodeJS.ProcessEnv): Promise<number> {
  const loaded = loadTrusted(options, env)
  if (!loaded.ok) {
    sayFindings(loaded.failure)
    return exitStatus.config
  }
  const { state_dir } = loaded.value.remote
  // The directory names the process that gets a signal, so others must not be able to write there.
  if (refusesDirectories([state_dir], options)) return exitStatus.config
  const pidFile = readPidFile(state_dir)
  const tell = (state: string, text: string) => {
    const executions = namesInSpool(state_dir)
    if (options.json) printJson({ state, pid: pidFile?.pid ?? null, executions })
    else if (!options.quiet) sayError(`runner: ${text}\n`)
  }
  if (pidFile === undefined) {
    tell(
      'not-attached',
      `no runner is attached with ${state_dir}; ` +
        '`runner attach` attaches one, and -c names another configuration',
    )
    return exitStatus.noRun
  }
  const { pid, start_ticks, beside_server: beside } = pidFile
  const who = beside ? `the runner in the server of process ${pid}` : `process ${pid}`
  try {
    process.kill(pid, 'SIGUSR2')
  } catch (error) {
    sayError(`runner: ${who} cannot be asked: ${errorText(error)}\n`)
    return errorCode(error) === 'EPERM' ? exitStatus.refused : exitStatus.internal
  }
  if (!options.wait) {
    const { length } = namesInSpool(state_dir)
    const when =
      length === 0 ? 'now' : `when ${length === 1 ? '1 execution has' : `${length} executions have`} ended`
    tell('draining', `${who} ends ${when}`)
    return exitStatus.ok
  }
  using signals = catchSignals()
  const isThere = () => (beside ? readPidFile(state_dir)?.pid === pid : startTicks(pid) === start_ticks)
  while (isThere() && !signals.stop.aborted) await systemClock.sleep(lookEvery, signals.stop)
  if (signals.stop.aborted) {
    sayError(`runner: not waiting for ${who} any more; it continues to drain\n`)
    return interruptedBy(signals.stop)
  }
  tell('stopped', `${who} has stopped`)
  return exitStatus.ok
}

export const command = defineCommand({
  description: 'ask the attached runner of this host to take no new jobs, finish those that run, and stop',
  options,
  notes: `It waits for running jobs for drain_time at most, whatever on_stop says. The server of
\`runner server --attach\` continues without its runner.

Exit status: 0 asked, or stopped; 7 no runner is attached with this configuration; 77 it belongs to another
user; 78 configuration error; 130 or 143 the wait was interrupted.`,
  examples: ['runner drain --wait && reboot', 'runner drain --json | jq .executions'],
  action: (options, _, env) => drain(options, env),
})
