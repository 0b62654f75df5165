/*
 * The engine: calls over the socket of Docker or podman. Every call has a time limit, since an engine may
 * hang, and every error of the engine becomes an EngineFailure here.
 */
import { existsSync } from 'node:fs'
import { get, type IncomingMessage, type RequestOptions, STATUS_CODES } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import type Docker from 'dockerode'
import type { Clock } from '../../../edges.ts'
import { errorCode, errorText, fail, ok, type Result } from '../../../result.ts'

export interface EngineFailure {
  reason: 'engine-unreachable' | 'engine-timeout' | 'not-found' | 'conflict' | 'engine-refused'
  /** A sentence that names the call. */
  message: string
}

/** The time limit of a call that should take milliseconds, in seconds. */
const quickCall = 30

/** A call that can be cancelled. */
interface Stoppable {
  abortSignal: AbortSignal
}

type ByLabel = { filters: { label: string[] } } & Stoppable
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
  Runtimes?: Record<string, unknown> | null
  /** Only podman sends it. */
  BuildahVersion?: string
  DockerRootDir?: string
}

interface ContainerApi {
  start(options: Stoppable): Promise<unknown>
  kill(options: { signal: string } & Stoppable): Promise<unknown>
  remove(options: { force: true; v: true } & Stoppable): Promise<unknown>
  getArchive(options: { path: string } & Stoppable): Promise<Stream & AsyncIterable<Buffer>>
  inspect(options: { size?: true } & Stoppable): Promise<Docker.ContainerInspectInfo & { SizeRw?: number }>
}

/** The part of dockerode that is used; its own types have no `abortSignal`. */
export interface EngineApi {
  info(options: Stoppable): Promise<Info>
  createContainer(options: Docker.ContainerCreateOptions & Stoppable): Promise<unknown>
  getContainer(name: string): ContainerApi
  getImage(name: string): { remove(options: Stoppable): Promise<unknown> }
  listContainers(options: { all: true } & ByLabel): Promise<Docker.ContainerInfo[]>
  createNetwork(options: Docker.NetworkCreateOptions & Stoppable): Promise<unknown>
  getNetwork(name: string): { remove(options: Stoppable): Promise<unknown> }
  listNetworks(options: ByLabel): Promise<{ Name: string; Labels?: Record<string, string> | null }[]>
  /**
   * Called for every job, so not by dockerode, which spends time on formatting each of its calls for
   * debugging.
   */
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
  /** The storage driver: `overlay2`. */
  storage: string
  /** The runtime that runs containers unless another one is asked for: `runc`. */
  runtime: string
  /** The names of all that it is configured for. */
  runtimes: string[]
  podman: boolean
  /** The directory of images and containers, on the machine of the engine. */
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

  /**
   * Makes a client for an engine and calls nothing yet. `host` is `docker_host` of the configuration; without
   * it DOCKER_HOST counts, and without both the first of the usual sockets that exists.
   */
  static async at(
    host: string | undefined,
    env: NodeJS.ProcessEnv,
    clock: Clock,
  ): Promise<Result<Engine, EngineFailure>> {
    // A variable that is set to nothing counts as not set, as docker has it.
    const address = host ?? (env.DOCKER_HOST || defaultAddress(env))
    const options = optionsFor(address)
    if (options === undefined)
      return fail({
        reason: 'engine-unreachable',
        message: `docker_host is ${address}; it must be unix:///path/of/the/socket, or tcp://host:port`,
      })
    // Loading dockerode takes 150 ms, so only a process that needs the engine does it.
    const { default: Docker } = await import('dockerode')
    // The types of dockerode lack signals and options that its calls take; `EngineApi` has those that are
    // used.
    const docker = new Docker(options) as unknown as EngineApi
    docker.inspectImage = (name, signal) => imageAt({ ...options, protocol: 'http:', signal }, name)
    return ok(new Engine(address, docker, clock))
  }

  /**
   * Makes one call; `what` completes the sentence "the engine did not …". A call that takes longer than
   * `seconds` is cancelled and fails.
   */
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
      // After the time limit nobody waits for the answer, so its failure would be an unhandled rejection.
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
    const { Driver, DefaultRuntime, Runtimes, BuildahVersion } = info.value
    return ok({
      id: ID ?? '',
      name: Name ?? '',
      system: OperatingSystem ?? '',
      architecture: Architecture ?? '',
      processors: NCPU ?? 1,
      security: SecurityOptions ?? [],
      storage: Driver ?? '',
      runtime: DefaultRuntime ?? '',
      runtimes: Object.keys(Runtimes ?? {}).sort(),
      podman: BuildahVersion !== undefined,
      root: DockerRootDir ?? '',
    })
  }

  #failureOf(what: string, error: unknown): EngineFailure {
    const status = (error as { statusCode?: unknown }).statusCode
    if (typeof status !== 'number') {
      return {
        reason: 'engine-unreachable',
        message:
          `the engine at ${this.address} cannot be reached: ` +
          `${errorText(error)}${adviceFor(errorCode(error))}`,
      }
    }
    const reason = status === 404 ? 'not-found' : status === 409 ? 'conflict' : 'engine-refused'
    return { reason, message: `the engine did not ${what}: ${detailOf(error) || STATUS_CODES[status]}` }
  }
}

/** Codes of errors of a connection that was never made. */
const unconnected = /^(ENOENT|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/

/** The advice for an engine that cannot be reached. */
function adviceFor(code: string | undefined): string {
  if (code === 'EACCES') return '; give runner the right to use it (for Docker: the group docker)'
  if (code === undefined || !unconnected.test(code)) return ''
  return '; start the engine, or name another one as docker_host in [executor]'
}

/** Looks up an image. Rejects with the same errors as dockerode. */
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
    ...(!own ? [] : [join(own, 'docker.sock'), join(own, 'podman/podman.sock')]),
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
