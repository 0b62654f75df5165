import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatDiagnostic } from '../config/diagnostic.ts'
import type { Configuration } from '../config/load.ts'
import { type Edges, systemChance, systemClock } from '../edges.ts'
import { exitStatus } from '../exit-status.ts'
import { readBootId } from '../journal/boot-id.ts'
import { makeDirectory, makeOwnDirectory } from '../journal/files.ts'
import { type Lock, takeLock } from '../journal/lock.ts'
import { startTicks } from '../process/tree.ts'
import { unfitForRoot } from '../process/trust.ts'
import { serverUrl, type TransportOptions } from '../protocol/transport.ts'
import { type AttachEnd, attach } from '../remote/attach.ts'
import type { StopKind } from '../remote/ending.ts'
import type { AttachEvent } from '../remote/events.ts'
import { forgetIdentity, loadIdentity } from '../remote/identity.ts'
import { isKnown, noIdentity, readMachine } from '../remote/machine.ts'
import { type Presence, removePresence, writePresence } from '../remote/presence.ts'
import { tokenAdvice } from '../remote/registrar.ts'
import { attachReporter } from '../report/attach-reporter.ts'
import type { Verbosity } from '../report/describe.ts'
import { errorCode, errorText, fail, ok, type Result } from '../result.ts'
import { type ConfigOptions, loadTrusted } from './load-configuration.ts'
import { sayError } from './say.ts'

export interface AttachCommandOptions extends ConfigOptions {
  /** Instead of `url`. */
  server?: string
  /** Instead of `token_file`. */
  tokenFile?: string
  /** Another identity than the one that is there. */
  newIdentity: boolean
  /** The process is the server too. */
  besideServer?: true
  json: boolean
  verbosity: Verbosity
  version: string
}

/** What keeps a runner from being attached, and the exit status that says so. */
interface Refused {
  message: string
  status: number
}

const refuse = (message: string, status: number = exitStatus.config) => fail<Refused>({ message, status })

/** `runner attach`: takes jobs until it is asked to stop; resolves to the exit status. */
export async function attachCommand(options: AttachCommandOptions, env: NodeJS.ProcessEnv): Promise<number> {
  using signals = catchStops()
  const done = await attachWith(options, env, signals)
  if (done.ok) return statusOf(done.value)
  sayError(`runner: ${done.failure.message}\nrunner: the runner has not been attached\n`)
  return done.failure.status
}

/** What ends an attached runner. */
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
  const { remote, executor, runner } = loaded.value
  const url = options.server ?? remote.url
  if (url === undefined)
    return refuse('say which server: url in [remote], or --server https://host:port', exitStatus.usage)
  const server = serverUrl(url)
  if (!server.ok) return refuse(server.failure, exitStatus.usage)
  const transport = transportOf(remote)
  if (!transport.ok) return refuse(transport.failure)

  const edges: Edges = { clock: systemClock, chance: systemChance }
  const opened = openState(remote, options.insecurePermissions === true, edges)
  if (!opened.ok) return opened
  const lock = opened.value
  const reporter = attachReporter(options, env, edges.clock, sayError)
  try {
    const lost = options.newIdentity ? await forgetIdentity(remote.state_dir) : undefined
    if (lost !== undefined) reporter.emit({ event: 'notice', message: lost })
    const machine = readMachine(remote.state_dir, env)
    if (!isKnown(machine)) reporter.emit({ event: 'notice', message: noIdentity })
    const identity = await loadIdentity(remote.state_dir, machine)
    if (!identity.ok) return refuse(identity.failure)
    writePresence(remote.state_dir, presenceAt(server.value, options))
    const kind = new AbortController()
    const pass = () => kind.abort((stop.reason as StopKind | undefined) ?? remote.on_stop)
    stop.addEventListener('abort', pass, { once: true })
    if (stop.aborted) pass()
    const end = await attach({
      ...{ identity: identity.value, server: server.value, transport: transport.value, remote, executor },
      readTransport: () => transportOf(remote),
      registrationToken: () => tokenOf(options.tokenFile ?? remote.token_file, remote.token),
      ...{ minFree: runner.min_free, version: options.version, env, edges, stop: kind.signal, hurry },
      emit: (event: AttachEvent) => reporter.emit(event),
    })
    stop.removeEventListener('abort', pass)
    return ok(end)
  } finally {
    reporter.close()
    removePresence(remote.state_dir)
    lock.release()
  }
}

function presenceAt(server: URL, { besideServer }: AttachCommandOptions): Presence {
  const me = { pid: process.pid, start_ticks: startTicks(process.pid) }
  return { ...me, server: server.href, ...(besideServer ? { beside_server: besideServer } : {}) }
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
    return refuse(`${stateDir} is in use by ${who}; one runner at a time can have it`, exitStatus.locked)
  } catch (error) {
    return refuse(
      `the state directory ${stateDir} cannot be used: ${errorText(error)}; set state_dir in [remote]`,
    )
  }
}

/** The contents of the files that say how to reach the server. */
export function transportOf(remote: Configuration['remote']): Result<TransportOptions, string> {
  const transport: TransportOptions = {
    ...(remote.proxy === undefined ? {} : { proxy: remote.proxy }),
    ...(remote.ca === undefined ? {} : { ca: remote.ca }),
  }
  for (const [key, part] of [
    ['ca_file', 'ca'],
    ['cert_file', 'cert'],
    ['key_file', 'key'],
  ] as const) {
    const file = remote[key]
    if (file === undefined) continue
    try {
      transport[part] = readFileSync(file)
    } catch (error) {
      return fail(`${key} ${file} cannot be read: ${errorText(error)}`)
    }
  }
  return ok(transport)
}

/** A registration token, from its file or the environment. */
export function tokenOf(file: string | undefined, text: string | undefined): Result<string, string> {
  if (file === undefined)
    return text === undefined ? fail(`no registration token is named: ${tokenAdvice}`) : ok(text)
  try {
    const token = readFileSync(file, 'utf8').trim()
    if (/^[\x21-\x7e]{1,256}$/.test(token)) return ok(token)
    return fail(`there is no token in ${file}: ${tokenAdvice}`)
  } catch (error) {
    const why = errorCode(error) === 'ENOENT' ? 'it is not there' : errorText(error)
    return fail(`the token in ${file} cannot be read: ${why}; ${tokenAdvice}`)
  }
}

/** Where the identity and all that belongs to it is. */
export const spoolOf = (stateDir: string) => join(stateDir, 'spool')

function statusOf(end: AttachEnd): number {
  return end === 'superseded' ? exitStatus.superseded : exitStatus.ok
}

/**
 * The first SIGTERM or SIGINT stops, the second aborts what runs, the third leaves at once. SIGUSR2, which
 * `runner drain` sends, waits for what runs, whatever `on_stop` says.
 */
export function catchStops(): Stops & Disposable {
  const stop = new AbortController()
  const hurry = new AbortController()
  const take = (signal: NodeJS.Signals) => {
    if (hurry.signal.aborted) process.exit(exitStatus.interrupted[signal as 'SIGINT' | 'SIGTERM'])
    if (stop.signal.aborted) hurry.abort()
    else stop.abort(null)
  }
  const drain = () => stop.abort('drain' satisfies StopKind)
  const ignore = () => {}
  process.on('SIGTERM', take).on('SIGINT', take).on('SIGUSR2', drain).on('SIGHUP', ignore)
  return {
    stop: stop.signal,
    hurry: hurry.signal,
    [Symbol.dispose]() {
      process.off('SIGTERM', take).off('SIGINT', take).off('SIGUSR2', drain)
    },
  }
}
