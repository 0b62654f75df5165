import { formatDiagnostic } from '../../config/diagnostic.ts'
import type { Configuration } from '../../config/load.ts'
import { type Edges, systemChance, systemClock } from '../../edges.ts'
import { exitStatus } from '../../exit-status.ts'
import { makeOwnDirectory } from '../../journal/files.ts'
import { serverUrl } from '../../protocol/client/transport.ts'
import { type AttachEnd, attach } from '../../remote/attach.ts'
import { forgetIdentity } from '../../remote/decommission.ts'
import type { StopKind } from '../../remote/drain.ts'
import type { AttachEvent } from '../../remote/events.ts'
import { loadBackend } from '../../remote/executors/open.ts'
import { loadIdentity } from '../../remote/link/identity.ts'
import { isKnown, noIdentity, readMachine } from '../../remote/link/machine.ts'
import { type PidFile, removePidFile, writePidFile } from '../../remote/link/pid-file.ts'
import { attachReporter } from '../../report/attach/reporter.ts'
import { sayError } from '../../report/say.ts'
import { defined, errorText, fail, ok, type Result } from '../../result.ts'
import { readBootId } from '../../system/boot-id.ts'
import { makeDirectory } from '../../system/durable-file.ts'
import { type Lock, takeLock } from '../../system/lock.ts'
import { harmlessCharacter } from '../../system/printable.ts'
import { startTicks } from '../../system/proc.ts'
import { exposedToken } from '../../system/token-file.ts'
import { unfitForRoot } from '../../system/trust.ts'
import { loadTrusted } from '../config.ts'
import { defineCommand, type NewCommand, type OptionsOf } from '../define-command.ts'
import { InvalidValue, verbosityOf } from '../options.ts'
import { readVersion } from '../version.ts'
import { noServerText, tokenOf, transportOf } from './remote-files.ts'

const options = (command: NewCommand) =>
  command
    .option('--server <url>', 'address of the server, instead of url in [remote]')
    .option('--token-file <file>', 'file with a registration token, instead of token_file in [remote]')
    .option('--name <name>', 'name of this runner, instead of name in [remote]', parseName)
    .option('--new-identity', 'take a new identity, as a copy of a machine must', false)
    .option('--json', 'print each event as one JSON object per line', false)

export interface AttachCommandOptions extends OptionsOf<typeof options> {
  /** Whether this process is the server, too. */
  besideServer?: true
}

const nameOfRunner = new RegExp(`^${harmlessCharacter}{1,256}$`)

function parseName(text: string): string {
  if (nameOfRunner.test(text)) return text
  throw new InvalidValue('It must be one line of at most 256 characters.')
}

/** The reason why a runner cannot be attached, and the exit status for it. */
interface Refused {
  message: string
  status: number
}

const refuse = (message: string, status: number = exitStatus.config) => fail<Refused>({ message, status })

/** Takes jobs until the process is asked to stop; resolves to the exit status. */
async function attachUntilStopped(options: AttachCommandOptions, env: NodeJS.ProcessEnv): Promise<number> {
  using signals = catchStops()
  const done = await attachWith(options, env, signals)
  if (done.ok) return statusOf(done.value)
  sayError(`runner: ${done.failure.message}\nrunner: the runner has not been attached\n`)
  return done.failure.status
}

/** The signals that end an attached runner. */
export interface Stops {
  /** The reason is a StopKind, or undefined for what `on_stop` says. */
  stop: AbortSignal
  hurry: AbortSignal
}

/** Attaches with the configuration in force; for `runner server --attach` too. */
export async function attachWith(
  options: AttachCommandOptions,
  env: NodeJS.ProcessEnv,
  { stop, hurry }: Stops,
): Promise<Result<AttachEnd, Refused>> {
  const loaded = loadTrusted(options, env)
  const findings = loaded.ok ? loaded.value.findings : loaded.failure
  const errors = findings.filter(({ severity }) => severity === 'error')
  if (!loaded.ok || errors.length > 0)
    return refuse(errors.map(error => formatDiagnostic(error)).join('\nrunner: '))
  const { executor, runner } = loaded.value
  const remote = { ...loaded.value.remote, ...defined({ name: options.name }) }
  const url = options.server ?? remote.url
  if (url === undefined) return refuse(noServerText, exitStatus.usage)
  const server = serverUrl(url)
  if (!server.ok) return refuse(server.failure, exitStatus.usage)
  const transport = transportOf(remote)
  if (!transport.ok) return refuse(transport.failure)

  const edges: Edges = { clock: systemClock, chance: systemChance }
  const opened = openState(remote, options.insecurePermissions === true, edges)
  if (!opened.ok) return opened
  const lock = opened.value
  const shown = { ...options, verbosity: verbosityOf(options) }
  const reporter = attachReporter(shown, env, edges.clock, sayError)
  try {
    const lost = options.newIdentity ? await forgetIdentity(remote, edges.clock) : undefined
    if (lost !== undefined) reporter.emit({ event: 'notice', message: lost })
    const tokenFile = options.tokenFile ?? remote.token_file
    const exposed = tokenFile === undefined ? undefined : exposedToken(tokenFile)
    if (exposed !== undefined) reporter.emit({ event: 'notice', message: exposed })
    const machine = readMachine(remote.state_dir, env)
    if (!isKnown(machine)) reporter.emit({ event: 'notice', message: noIdentity })
    const identity = await loadIdentity(remote.state_dir, machine)
    if (!identity.ok) return refuse(identity.failure)
    writePidFile(remote.state_dir, pidFileOf(server.value, options))
    const kind = new AbortController()
    const pass = () => kind.abort((stop.reason as StopKind | undefined) ?? remote.on_stop)
    stop.addEventListener('abort', pass, { once: true })
    if (stop.aborted) pass()
    const end = await attach({
      openBackend: await loadBackend(executor.backend),
      identity: identity.value,
      server: server.value,
      transport: transport.value,
      remote,
      executor,
      readTransport: () => transportOf(remote),
      registrationToken: () => tokenOf(tokenFile, remote.token),
      tokenFile,
      minFree: runner.min_free,
      version: readVersion(),
      env,
      edges,
      stop: kind.signal,
      hurry,
      emit: (event: AttachEvent) => reporter.emit(event),
    })
    stop.removeEventListener('abort', pass)
    return ok(end)
  } finally {
    reporter.close()
    removePidFile(remote.state_dir)
    lock.release()
  }
}

function pidFileOf(server: URL, { besideServer }: AttachCommandOptions): PidFile {
  const me = { pid: process.pid, start_ticks: startTicks(process.pid) }
  return { ...me, server: server.href, ...defined({ beside_server: besideServer || undefined }) }
}

/** Makes sure that the state directory is this process's alone. */
function openState(
  { state_dir: stateDir, work_dir }: Configuration['remote'],
  insecure: boolean,
  edges: Edges,
): Result<Lock, Refused> {
  try {
    if (insecure) makeDirectory(stateDir)
    else {
      makeOwnDirectory(stateDir, ['locks'])
      const problem = unfitForRoot([work_dir])
      if (problem !== undefined) return refuse(`work_dir cannot be used: ${problem}`)
    }
    const me = { pid: process.pid, boot_id: readBootId(), since: edges.clock.now().toISOString() }
    const taken = takeLock(stateDir, 'attach', me)
    if (taken.ok) return taken
    const { pid, since } = taken.failure ?? {}
    const who = pid === undefined ? 'another process' : `process ${pid} since ${since}`
    return refuse(
      `${stateDir} is in use by ${who}; ` +
        'only one runner at a time can use it: set another state_dir in [remote] for a second one',
      exitStatus.locked,
    )
  } catch (error) {
    return refuse(
      `the state directory ${stateDir} cannot be used: ${errorText(error)}; set state_dir in [remote]`,
    )
  }
}

function statusOf(end: AttachEnd): number {
  return end === 'superseded' ? exitStatus.superseded : exitStatus.ok
}

/**
 * The first SIGTERM or SIGINT stops the runner, the second aborts its jobs, the third exits at once. SIGUSR2,
 * which `runner drain` sends, waits for the jobs, whatever `on_stop` says; SIGPWR, which the package sends at
 * an upgrade, lets them run on. (SIGUSR1 never comes: bin/runner has Node block it.)
 */
function catchStops(): Stops & Disposable {
  const stop = new AbortController()
  const hurry = new AbortController()
  const take = (signal: NodeJS.Signals) => {
    if (hurry.signal.aborted) process.exit(exitStatus.interrupted[signal as 'SIGINT' | 'SIGTERM'])
    if (stop.signal.aborted) hurry.abort()
    else stop.abort(null)
  }
  const drain = () => stop.abort('drain' satisfies StopKind)
  const detach = () => stop.abort('detach' satisfies StopKind)
  const ignore = () => {}
  process.on('SIGTERM', take).on('SIGINT', take).on('SIGHUP', ignore)
  process.on('SIGPWR', detach).on('SIGUSR2', drain)
  return {
    stop: stop.signal,
    hurry: hurry.signal,
    [Symbol.dispose]() {
      process.off('SIGTERM', take).off('SIGINT', take)
      process.off('SIGPWR', detach).off('SIGUSR2', drain)
    },
  }
}

export const command = defineCommand({
  description: 'take jobs from a server, and run them in containers',
  options,
  notes: `It reports events on standard error. The first SIGTERM or Ctrl-C stops it: it takes no new work, and
waits for running jobs (on_stop, drain_time). A second one aborts running jobs. A third one leaves at once,
and running jobs continue.

With --new-identity it gives up the jobs of the former identity, and its undelivered results. Containers of
the former identity run on, and it names the label by which they are found.

Exit status: 0 stopped, or deleted by an operator; 4 another process uses its state directory; 64 usage; 75
another process has taken its identity over; 78 configuration error, or a copy of another machine.`,
  examples: [
    'runner attach --server https://runner.example:8080 --token-file registration.token',
    'runner attach                         with [remote] of runner.cfg',
  ],
  action: (options, _, env) => attachUntilStopped(options, env),
})
