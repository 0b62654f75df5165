/*
 * Looks at all that an attached runner needs. Nothing is changed: no runner is registered.
 */
import { accessSync, constants, existsSync, mkdtempSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { ExecutorConfiguration, Reuse } from '../config/executor-section.ts'
import type { RemoteConfiguration } from '../config/remote-section.ts'
import type { Edges } from '../edges.ts'
import { Client } from '../protocol/client.ts'
import type { TransportOptions } from '../protocol/transport.ts'
import { errorText, type Result } from '../result.ts'
import { freeBytes } from './disk-floor.ts'
import { keepBusybox } from './executors/busybox.ts'
import type { DockerOptions } from './executors/docker-executor.ts'
import { Engine, type EngineFacts } from './executors/engine.ts'
import { type Probed, probe } from './executors/probe.ts'
import { onceBecause } from './executors/reuse.ts'
import { asGuest, guestsIn } from './guest.ts'
import { isKnown, noIdentity, readMachine } from './machine.ts'
import { readOwnToken, refusalText } from './registrar.ts'

export type CheckName =
  | 'state directory'
  | 'machine'
  | 'disk'
  | 'busybox'
  | 'engine'
  | 'a job'
  | 'reuse'
  | 'disk limit'
  | 'server'
  | 'clock'
  | 'token'

export interface Check {
  check: CheckName
  result: 'ok' | 'warning' | 'failed' | 'skipped'
  /** What was found, and how to mend it. */
  message: string
}

export interface DoctorOptions {
  remote: RemoteConfiguration
  executor: ExecutorConfiguration
  minFree: number
  /** Or why it cannot be named. */
  server: Result<URL, string>
  transport: Result<TransportOptions, string>
  token: Result<string, string>
  env: NodeJS.ProcessEnv
  edges: Edges
}

/** Seconds of difference between two clocks that do no harm, and that break things. */
const differences = { warning: 5, failed: 60 }

/** Looks at one thing after the other, and tells of each. */
export async function* examine(options: DoctorOptions): AsyncGenerator<Check> {
  yield examineState(options)
  yield examineMachine(options)
  const scratch = mkdtempSync(join(tmpdir(), 'runner-doctor-'))
  const remove = () => rmSync(scratch, { recursive: true, force: true })
  // Who does not wait for the end of a check leaves none of it in a directory that nobody looks into.
  process.once('exit', remove)
  try {
    yield* examineEngine(options, scratch)
  } finally {
    process.off('exit', remove)
    remove()
  }
  yield* examineServer(options)
}

function examineState({ remote: { state_dir, work_dir } }: DoctorOptions): Check {
  const check = 'state directory'
  for (const path of [state_dir, work_dir]) {
    // What is not there is made at the first start.
    const there = existing(path)
    try {
      accessSync(there, constants.W_OK | constants.X_OK)
      const { mode, uid } = statSync(there)
      if (there === path && path === state_dir && (mode & 0o077) !== 0)
        return { check, result: 'failed', message: `others may look into ${path}: chmod 700 ${path}` }
      if (there === path && uid !== process.geteuid?.())
        return {
          check,
          result: 'warning',
          message: `${path} belongs to another user: chown it to the one of runner`,
        }
    } catch (error) {
      const message = `${path} cannot be written to: ${errorText(error)}; set state_dir or work_dir in [remote], or be the user it belongs to`
      return { check, result: 'failed', message }
    }
  }
  return { check, result: 'ok', message: state_dir }
}

function examineMachine({ remote: { state_dir }, env }: DoctorOptions): Check {
  const check = 'machine'
  const machine = readMachine(existing(state_dir), env)
  if (!isKnown(machine)) return { check, result: 'warning', message: noIdentity }
  const by =
    machine.machine_id === undefined ? 'its board or disk, as it has no machine id' : 'its machine id'
  return { check, result: 'ok', message: `a copy of it is known by ${by}` }
}

function examineDisk(
  { remote: { state_dir, work_dir }, minFree }: DoctorOptions,
  engine?: EngineFacts,
): Check {
  const check = 'disk'
  const found: string[] = []
  for (const path of [state_dir, work_dir, engine?.root]) {
    // Where the engine is on another machine, so is its disk.
    if (path === undefined || (path === engine?.root && !existsSync(path))) continue
    const free = freeBytes(existing(path))
    if (free === undefined) continue
    const size = `${Math.round(free / 1024 ** 2)} MiB`
    if (free < minFree)
      return {
        ...{ check, result: 'failed' },
        message: `${path} has ${size} free, and below ${Math.round(minFree / 1024 ** 2)} MiB no work is taken: remove images that are not needed (docker image prune), or set min_free in [runner]`,
      }
    found.push(`${path}: ${size} free`)
  }
  return { check, result: 'ok', message: found.join(', ') }
}

/** A path, or what of it is there. */
function existing(path: string): string {
  let there = path
  while (!existsSync(there) && dirname(there) !== there) there = dirname(there)
  return there
}

async function* examineEngine(options: DoctorOptions, scratch: string): AsyncGenerator<Check> {
  const { remote, executor, env, edges } = options
  const busybox = await keepBusybox(scratch, env)
  yield {
    check: 'busybox',
    result: busybox.ok ? 'ok' : 'failed',
    message: busybox.ok ? 'static' : busybox.failure,
  }
  const skipped: Check = {
    check: 'a job',
    result: 'skipped',
    message: 'without engine and busybox none can run',
  }
  const engine = await Engine.at(executor.docker_host, env, edges.clock)
  const facts = engine.ok ? await engine.value.facts() : engine
  yield examineDisk(options, facts.ok ? facts.value : undefined)
  if (!facts.ok || !engine.ok) {
    const message = facts.ok
      ? ''
      : `${facts.failure.message}; set docker_host in [executor] if it is elsewhere`
    yield { check: 'engine', result: 'failed', message }
    yield skipped
    return
  }
  yield { check: 'engine', result: 'ok', message: `${facts.value.system}, ${engine.value.address}` }
  if (!busybox.ok) {
    yield skipped
    return
  }
  const { processors, storage } = facts.value
  const once = onceBecause(facts.value, executor)
  yield* examineJob({
    ...{ engine: engine.value, processors, disk: facts.value, busybox: busybox.value, once },
  })

  async function* examineJob(
    parts: Pick<DockerOptions, 'engine' | 'processors' | 'disk' | 'busybox' | 'once'>,
  ): AsyncGenerator<Check> {
    const check = 'a job'
    // Where jobs will run: the engine may see that directory, and no other, or under another name.
    const { state_dir, work_dir: workDir } = remote
    const made = [guestsIn(state_dir), workDir].map(path => [path, existing(path)] as const)
    const left: string[] = []
    const onLeft = (message: string) => void left.push(message)
    try {
      const done = await asGuest(
        state_dir,
        { ...parts, settings: executor, workDir, edges },
        onLeft,
        options => probe(options, facts.ok ? facts.value : never(), edges),
      )
      if (!done.ok) return yield { check, result: 'failed', message: done.failure.message }
      if (left.length > 0)
        return yield {
          check,
          result: 'failed',
          message: `something of it is left behind: ${left.join('; ')}`,
        }
      yield { check, result: 'ok', message: 'was handed over to a container and came back' }
      yield reuseCheck(done.value, executor.reuse, storage)
      yield diskCheck(done.value.disk)
    } catch (error) {
      const message = `nothing can be kept in ${state_dir} or ${workDir}: ${errorText(error)}`
      yield { check, result: 'failed', message }
    } finally {
      for (const [path, there] of made) removeEmpty(path, there)
    }
  }
}

function reuseCheck({ once }: Probed, reuse: Reuse, storage: string): Check {
  const check = 'reuse'
  const where = `storage driver ${storage}`
  if (once === undefined) {
    const whom = reuse === 'job' ? 'the same job of one trust domain' : 'jobs of one trust domain'
    return { check, result: 'ok', message: `containers are used again for ${whom} (${where})` }
  }
  const result = reuse === 'never' ? 'ok' : 'warning'
  return { check, result, message: `each job gets a container of its own (${where}): ${once}` }
}

/** What disk_limit is worth here. */
function diskCheck({ enforced, unseen }: Probed['disk']): Check {
  const check = 'disk limit'
  const also = enforced ? ', and the engine itself enforces it on what a container changes of its image' : ''
  if (unseen === undefined)
    return { check, result: 'ok', message: `files are counted, those without a name too${also}` }
  return {
    ...{ check, result: 'warning' },
    message: `${unseen} are not counted${also}: have runner be root on the host of the engine, with CAP_SYS_PTRACE and CAP_CHECKPOINT_RESTORE, as its unit has it`,
  }
}

/** Removes a directory and those above it, up to one that stays, as far as nothing is in them. */
function removeEmpty(path: string, stays: string): void {
  for (let here = path; here !== stays; here = dirname(here))
    try {
      rmdirSync(here)
    } catch {
      // It was not made, or somebody uses it by now.
    }
}

function never(): never {
  throw new Error('there are facts')
}

async function* examineServer({
  remote,
  server,
  transport,
  token,
  env,
  edges,
}: DoctorOptions): AsyncGenerator<Check> {
  const wrong = !server.ok ? server.failure : !transport.ok ? transport.failure : undefined
  const without = (check: CheckName): Check => ({
    check,
    result: 'skipped',
    message: 'the server was not reached',
  })
  if (!server.ok || !transport.ok) {
    yield { check: 'server', result: 'failed', message: wrong! }
    yield without('clock')
    yield without('token')
    return
  }
  let difference: number | undefined
  // Where it has been registered, it is its own token that counts.
  const own = readOwnToken(remote.state_dir, server.value)
  let sent = own
  await using client = new Client({
    ...transport.value,
    ...{ server: server.value, env, clock: edges.clock, token: () => sent },
    onClock: ({ offset }) => {
      difference ??= offset / 1000
    },
  })
  const health = await client.call('health', {})
  const secure = server.value.protocol === 'https:' ? 'TLS' : 'without TLS'
  const plain =
    server.value.protocol === 'http:' && !/^(localhost|127\..*|\[::1\])$/.test(server.value.hostname)
  yield health.ok
    ? {
        ...{ check: 'server', result: plain ? 'warning' : 'ok' },
        message: `${server.value.origin} answers (version ${health.value.version}, ${secure})${plain ? '; tokens can be read on their way: use https://' : ''}`,
      }
    : { check: 'server', result: 'failed', message: health.failure.message }
  yield difference === undefined ? without('clock') : clockCheck(difference)
  if (health.ok && own !== undefined) {
    const check = await tokenCheck(client, 'this runner is registered, and its own token is valid')
    if (check.result === 'ok') return yield check
  }
  sent = token.ok ? token.value : undefined
  if (!token.ok) yield { check: 'token', result: 'failed', message: token.failure }
  else if (!health.ok) yield without('token')
  else yield await tokenCheck(client, 'it registers runners')
}

function clockCheck(difference: number): Check {
  const check = 'clock'
  const seconds = Math.round(Math.abs(difference))
  if (seconds < differences.warning) return { check, result: 'ok', message: `${seconds} s from the server's` }
  const message = `it is ${seconds} s ${difference > 0 ? 'ahead of' : 'behind'} the server's: set it right (timedatectl set-ntp true), or the server's`
  return { check, result: seconds < differences.failed ? 'warning' : 'failed', message }
}

/** Whether the token registers, by a registration that no server can accept. */
async function tokenCheck(client: Client, well: string): Promise<Check> {
  const check = 'token'
  const body = {
    ...{ uuid: '00000000-0000-0000-0000-000000000000', name: 'doctor', version: '', public_key: '' },
    ...{ capabilities: [], runner_group: 'default' },
  }
  const said = await client.call('register', { body })
  if (said.ok || said.failure.reason === 'malformed') return { check, result: 'ok', message: well }
  return { check, result: 'failed', message: refusalText(said.failure) }
}
