/*
 * The engine: Docker's or podman's socket. Every call has a time limit, since an engine that hangs would hold a call
 * for ever; what it says goes into one failure type here.
 */
import { existsSync } from 'node:fs'
import { get, type IncomingMessage, type RequestOptions, STATUS_CODES } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type Docker from 'dockerode'
import type { Clock } from '../../edges.ts'
import { errorCode, errorText, fail, ok, type Result } from '../../result.ts'

export interface EngineFailure {
  reason: 'engine-unreachable' | 'engine-timeout' | 'not-found' | 'conflict' | 'engine-refused'
  /** A sentence that says what was asked for. */
  message: string
}

/** Seconds for a call that should take milliseconds. */
export const quickCall = 30

/** With it a call can be let go of. */
interface Stoppable {
  abortSignal: AbortSignal
}

type ByState = { all: true; filters: { label: string[] } } & Stoppable
type Since = { since: string; until: string; filters: Record<string, string[]> } & Stoppable

interface Info {
  ID?: string
  Name?: string
  OperatingSystem?: string
  Architecture?: string
  NCPU?: number
  SecurityOptions?: string[] | null
  Driver?: string
  DefaultRuntime?: string
  /** Podman's alone. */
  BuildahVersion?: string
  DockerRootDir?: string
}

interface ContainerApi {
  start(options: Stoppable): Promise<unknown>
  kill(options: { signal: string } & Stoppable): Promise<unknown>
  remove(options: { force: true; v: true } & Stoppable): Promise<unknown>
  inspect(options: { size?: true } & Stoppable): Promise<Docker.ContainerInspectInfo & { SizeRw?: number }>
}

/** What of dockerode is used; its own types leave no room for `abortSignal`. */
export interface EngineApi {
  info(options: Stoppable): Promise<Info>
  createContainer(options: Docker.ContainerCreateOptions & Stoppable): Promise<unknown>
  getContainer(name: string): ContainerApi
  getImage(name: string): { remove(options: Stoppable): Promise<unknown> }
  listContainers(options: ByState): Promise<Docker.ContainerInfo[]>
  /** For every job, so it is asked without dockerode, which formats each of its calls for a log that nobody reads. */
  inspectImage(name: string, signal: AbortSignal): Promise<Docker.ImageInspectInfo>
  pull(name: string, options: { authconfig?: object } & Stoppable): Promise<Stream>
  importImage(
    file: NodeJS.ReadableStream,
    options: { repo: string; tag: string } & Stoppable,
  ): Promise<Stream>
  getEvents(options: Since): Promise<Stream>
  modem: Docker['modem']
}

type Stream = NodeJS.ReadableStream & { destroy(): void }

export interface EngineFacts {
  id: string
  name: string
  /** `Docker Desktop`, `Debian GNU/Linux 12 (bookworm)`. */
  system: string
  architecture: string
  processors: number
  security: string[]
  /** How it keeps images and containers: `overlay2`. */
  storage: string
  /** What makes its containers: `runc`. */
  runtime: string
  podman: boolean
  /** Where it keeps images and containers, on its own machine. */
  root: string
}

export class Engine {
  /** The address of its socket. */
  readonly address: string
  readonly #docker: EngineApi
  readonly #clock: Clock

  private constructor(address: string, docker: EngineApi, clock: Clock) {
    this.address = address
    this.#docker = docker
    this.#clock = clock
  }

  /** Names the engine; nothing is said to it yet. `host` is `docker_host`; without it DOCKER_HOST or what is there. */
  static async at(
    host: string | undefined,
    env: NodeJS.ProcessEnv,
    clock: Clock,
  ): Promise<Result<Engine, EngineFailure>> {
    const address = host ?? env.DOCKER_HOST ?? defaultAddress(env)
    const options = optionsFor(address)
    if (options === undefined)
      return fail({
        reason: 'engine-unreachable',
        message: `docker_host is ${address}; it must be unix:///path/of/the/socket, or tcp://host:port`,
      })
    // 150 ms: only who runs containers pays for it.
    const { default: Docker } = await import('dockerode')
    const docker = new Docker(options) as unknown as EngineApi
    docker.inspectImage = (name, signal) => imageAt({ ...options, protocol: 'http:', signal }, name)
    return ok(new Engine(address, docker, clock))
  }

  /** One call; `what` completes "the engine did not …". Fails when it has taken `seconds`, and lets go of it then. */
  async call<T>(
    what: string,
    make: (docker: EngineApi, abortSignal: AbortSignal) => Promise<T>,
    seconds = quickCall,
  ): Promise<Result<T, EngineFailure>> {
    const over = new AbortController()
    const stop = new AbortController()
    const late = Symbol('late')
    try {
      const answer = make(this.#docker, stop.signal)
      // Its end may come when nobody waits for it any more.
      answer.catch(() => {})
      const first = await Promise.race([answer, this.#clock.sleep(seconds, over.signal).then(() => late)])
      if (first !== late) return ok(first as T)
      stop.abort()
      return fail({ reason: 'engine-timeout', message: `the engine did not ${what} within ${seconds} s` })
    } catch (error) {
      return fail(this.#failureOf(what, error))
    } finally {
      over.abort()
    }
  }

  async facts(): Promise<Result<EngineFacts, EngineFailure>> {
    const info = await this.call('say what it is', (docker, abortSignal) => docker.info({ abortSignal }))
    if (!info.ok) return info
    const { ID, Name, OperatingSystem, Architecture, NCPU, SecurityOptions, DockerRootDir } = info.value
    const { Driver, DefaultRuntime, BuildahVersion } = info.value
    return ok({
      id: ID ?? '',
      name: Name ?? '',
      system: OperatingSystem ?? '',
      architecture: Architecture ?? '',
      processors: NCPU ?? 1,
      security: SecurityOptions ?? [],
      storage: Driver ?? '',
      runtime: DefaultRuntime ?? '',
      podman: BuildahVersion !== undefined,
      root: DockerRootDir ?? '',
    })
  }

  #failureOf(what: string, error: unknown): EngineFailure {
    const status = (error as { statusCode?: unknown }).statusCode
    if (typeof status !== 'number') {
      const code = errorCode(error)
      const hint =
        code === 'EACCES'
          ? '; the user needs the right to use it (for Docker: the group docker)'
          : code === 'ENOENT' || code === 'ECONNREFUSED'
            ? '; is it running?'
            : ''
      return {
        reason: 'engine-unreachable',
        message: `the engine at ${this.address} cannot be reached: ${errorText(error)}${hint}`,
      }
    }
    const reason = status === 404 ? 'not-found' : status === 409 ? 'conflict' : 'engine-refused'
    return { reason, message: `the engine did not ${what}: ${detailOf(error) || STATUS_CODES[status]}` }
  }
}

/** Fails as dockerode does. */
function imageAt(options: RequestOptions, name: string): Promise<Docker.ImageInspectInfo> {
  return new Promise((resolve, reject) => {
    const path = `/images/${encodeURI(name).replace(/[?#]/g, encodeURIComponent)}/json`
    const take = async (answer: IncomingMessage) => {
      const said = await text(answer)
      const { statusCode } = answer
      if (statusCode === 200) return resolve(JSON.parse(said))
      reject(Object.assign(new Error(said), { statusCode, json: jsonOf(said) }))
    }
    get({ ...options, path }, answer => void take(answer).catch(reject)).on('error', reject)
  })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function detailOf(error: unknown): string {
  const { json, message } = error as { json?: { message?: unknown }; message?: string }
  return typeof json?.message === 'string' ? json.message : (message ?? String(error))
}

function defaultAddress(env: NodeJS.ProcessEnv): string {
  const own = env.XDG_RUNTIME_DIR
  const sockets = [
    '/var/run/docker.sock',
    ...(own === undefined ? [] : [join(own, 'docker.sock'), join(own, 'podman/podman.sock')]),
    '/run/podman/podman.sock',
  ]
  return `unix://${sockets.find(path => existsSync(path)) ?? sockets[0]}`
}

function optionsFor(address: string): Docker.DockerOptions | undefined {
  if (address.startsWith('/')) return { socketPath: address }
  const path = address.match(/^unix:\/\/(\/.+)$/)?.[1]
  if (path !== undefined) return { socketPath: path }
  const [, host, port] = address.match(/^(?:tcp|http):\/\/(\[[^\]]+\]|[^:/]+):(\d+)\/?$/) ?? []
  if (host === undefined) return undefined
  return { protocol: 'http', host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }
}
