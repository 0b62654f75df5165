/*
 * Images: which are allowed, what an engine knows of them, and getting them from a registry. The pull is a phase of its
 * own with limits of its own: a registry that hangs must not use up the time of the job.
 */
import { readFileSync } from 'node:fs'
import type { ExecutorConfiguration } from '../../config/executor-section.ts'
import { allowsAll, patternOf } from '../../config/image-patterns.ts'
import type { Clock } from '../../edges.ts'
import { errorText, fail, ok, type Result } from '../../result.ts'
import { aborted } from '../bell.ts'
import type { Engine, EngineFailure } from './engine.ts'
import type { ImageCollector } from './image-collector.ts'
import type { ImageFacts } from './order.ts'

export interface ImageFailure {
  reason:
    | 'image-not-allowed'
    | 'image-missing'
    | 'image-not-pulled'
    | 'image-unusable'
    | EngineFailure['reason']
  message: string
}

/** How far a pull is. */
export interface PullProgress {
  image: string
  layers: number
  layers_done: number
  /** Bytes that have come, of those that are known of. */
  bytes: number
  bytes_known: number
}

/** Seconds a pull may take, and seconds in which something must happen. */
export const pullLimits = { whole: 1800, silence: 120 }

/** A reference with registry and tag, so that a pull brings one image and not all tags of a name. */
export function canonical(reference: string): string {
  const [name, digest] = reference.split('@') as [string, string?]
  const slash = name.lastIndexOf('/')
  const colon = name.indexOf(':', slash + 1)
  const path = colon === -1 ? name : name.slice(0, colon)
  const tag = colon === -1 ? 'latest' : name.slice(colon + 1)
  const first = path.split('/')[0]!
  const hasRegistry = path.includes('/') && (/[.:]/.test(first) || first === 'localhost')
  const full = hasRegistry ? path : `docker.io/${path.includes('/') ? path : `library/${path}`}`
  return digest === undefined ? `${full}:${tag}` : `${full}@${digest}`
}

/** Whether a reference fits one of the patterns, as it is written or in full (image-patterns.ts). */
export function isAllowed(reference: string, patterns: readonly string[]): boolean {
  const [name, digest] = reference.split('@') as [string, string?]
  // Beside a digest a tag says nothing: engines do not look at it. A pattern with a digest of its own may have both.
  const written = digest === undefined ? reference : `${name.replace(/:[^/:]*$/, '')}@${digest}`
  return patterns.some(pattern => {
    const fits = patternOf(pattern)
    const forms = [written, canonical(reference), ...(pattern.includes('@') ? [reference] : [])]
    return forms.some(form => fits.test(form))
  })
}

/** A pull that is under way, and by how many it is wanted still. */
interface Pull {
  done: Promise<Result<ImageFacts, ImageFailure>>
  stop: AbortController
  wanted: number
  hearers: Set<(progress: PullProgress) => void>
}

type Settings = Pick<ExecutorConfiguration, 'images' | 'pull' | 'registry_auth_file'>

/**
 * Makes sure that an image is there and says what it is. One pull at a time for a reference: who asks while one is
 * under way waits for it, and it ends when nobody wants it any more.
 */
export class Images {
  readonly #engine: Engine
  readonly #settings: Settings
  readonly #clock: Clock
  readonly #collector: ImageCollector | undefined
  readonly #pulls = new Map<string, Pull>()

  constructor(engine: Engine, settings: Settings, clock: Clock, collector: ImageCollector | undefined) {
    this.#engine = engine
    this.#settings = settings
    this.#clock = clock
    this.#collector = collector
  }

  async prepare(
    reference: string,
    onProgress: (progress: PullProgress) => void = () => {},
    signal?: AbortSignal,
  ): Promise<Result<ImageFacts, ImageFailure>> {
    const { images, pull } = this.#settings
    if (!isAllowed(reference, images))
      return fail({
        reason: 'image-not-allowed',
        message: `the image ${reference} is none of those that [executor] images allows: ${images.join(', ')}`,
      })
    if (pull !== 'always') {
      const here = await this.#inspect(reference)
      if (here.ok) this.#collector?.used(here.value.id)
      if (here.ok || here.failure.reason !== 'not-found') return here
      if (pull === 'never')
        return fail({
          reason: 'image-missing',
          message: `the image ${reference} is not on this host, and pull = never`,
        })
    }
    return this.#join(this.#pullOf(reference), reference, onProgress, signal)
  }

  /** Waits for a pull, until it is over or this one is to wait no more. */
  #join(
    pull: Pull,
    reference: string,
    onProgress: (progress: PullProgress) => void,
    signal: AbortSignal | undefined,
  ): Promise<Result<ImageFacts, ImageFailure>> {
    pull.wanted++
    pull.hearers.add(onProgress)
    if (signal === undefined) return pull.done
    const left = aborted(signal).then(() => {
      pull.hearers.delete(onProgress)
      if (--pull.wanted === 0) pull.stop.abort()
      return nobodyWaits(reference)
    })
    return Promise.race([pull.done, left])
  }

  /** The one that is under way, else a new one. */
  #pullOf(reference: string): Pull {
    const name = canonical(reference)
    const known = this.#pulls.get(name)
    if (known?.stop.signal.aborted === false) return known
    const stop = new AbortController()
    const hearers: Pull['hearers'] = new Set()
    const tell = (progress: PullProgress) => {
      for (const hear of hearers) hear(progress)
    }
    const done = this.#fetch(reference, tell, stop.signal).finally(() => {
      if (this.#pulls.get(name) === pull) this.#pulls.delete(name)
    })
    const pull: Pull = { done, stop, wanted: 0, hearers }
    this.#pulls.set(name, pull)
    return pull
  }

  /** Makes room, pulls it, and remembers whose it is. */
  async #fetch(
    reference: string,
    onProgress: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<Result<ImageFacts, ImageFailure>> {
    await this.#collector?.collect()
    const before = await this.#inspect(reference)
    let pulled = await this.#pull(reference, onProgress, signal)
    const isFull = !pulled.ok && pulled.failure.message.includes('no space left on device')
    if (isFull && (await this.#collector?.collect({ all: true })))
      pulled = await this.#pull(reference, onProgress, signal)
    if (!pulled.ok) return pulled
    const now = await this.#inspect(reference)
    if (now.ok)
      this.#collector?.pulled(canonical(reference), now.value.id, before.ok ? before.value.id : undefined)
    return now
  }

  async #inspect(reference: string): Promise<Result<ImageFacts, ImageFailure>> {
    const found = await this.#engine.call(`look up the image ${reference}`, (docker, abortSignal) =>
      docker.inspectImage(reference, abortSignal),
    )
    if (!found.ok) return found
    const { Id, Config, Architecture, RepoTags, RepoDigests } = found.value
    // An engine takes the beginning of an id for a name too, which no pattern was written for.
    const names = [...(RepoTags ?? []), ...(RepoDigests ?? [])].map(canonical)
    const byId = Id.replace(/^sha256:/, '').startsWith(reference.replace(/^sha256:/, ''))
    if (byId && !this.#settings.images.some(allowsAll) && !names.includes(canonical(reference)))
      return fail({
        reason: 'image-not-allowed',
        message: `${reference} is the id of an image, and [executor] images allows names`,
      })
    return ok({
      id: Id,
      reference,
      entrypoint: words(Config.Entrypoint),
      command: words(Config.Cmd),
      env: Config.Env ?? [],
      workdir: Config.WorkingDir ?? '',
      stop_signal: (Config as { StopSignal?: string }).StopSignal ?? '',
      volumes: Object.keys(Config.Volumes ?? {}),
      architecture: Architecture,
    })
  }

  async #pull(
    reference: string,
    onProgress: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<Result<void, ImageFailure>> {
    if (signal.aborted) return nobodyWaits(reference)
    const auth = this.#authFor(canonical(reference))
    if (!auth.ok) return fail({ reason: 'image-not-pulled', message: auth.failure })
    const stop = new AbortController()
    signal.addEventListener('abort', () => stop.abort(), { once: true, signal: stop.signal })
    let heard = this.#clock.monotonic()
    const silence = this.#watchSilence(() => heard, stop)
    const what = `pull ${reference}`
    const done = await this.#engine.call(
      what,
      async docker => {
        const options = { ...(auth.value ? { authconfig: auth.value } : {}), abortSignal: stop.signal }
        const stream = await docker.pull(canonical(reference), options)
        stop.signal.addEventListener('abort', () => stream.destroy())
        const layers = new Map<string, LayerStatus>()
        await new Promise<void>((resolve, reject) => {
          stop.signal.addEventListener('abort', () => reject(new Error(String(stop.signal.reason))))
          docker.modem.followProgress(
            stream,
            error => (error ? reject(error) : resolve()),
            (line: ProgressLine) => {
              heard = this.#clock.monotonic()
              // What goes wrong once it has begun is a line like any other.
              if (line.error !== undefined) reject(new Error(line.error))
              if (line.id === undefined || line.status === undefined) return
              if (line.status.startsWith('Pulling from')) return
              layers.set(line.id, { ...layers.get(line.id), ...statusOf(line) })
              onProgress(sum(reference, layers))
            },
          )
        })
      },
      pullLimits.whole,
    )
    const silent = stop.signal.aborted && !signal.aborted
    stop.abort()
    await silence
    if (done.ok) return done
    if (silent)
      return fail({
        reason: 'image-not-pulled',
        message: `the image ${reference} was not pulled: nothing came for ${pullLimits.silence} s`,
      })
    if (done.failure.reason === 'engine-unreachable' && !signal.aborted) {
      // It has no status of its own.
      const text = done.failure.message.replace(/^the engine at \S+ cannot be reached: /, '')
      return fail({ reason: 'image-not-pulled', message: `the image ${reference} was not pulled: ${text}` })
    }
    return fail({ reason: 'image-not-pulled', message: done.failure.message })
  }

  async #watchSilence(heard: () => number, stop: AbortController): Promise<void> {
    while (!stop.signal.aborted) {
      const left = heard() + pullLimits.silence - this.#clock.monotonic()
      if (left <= 0) return stop.abort('silence')
      await this.#clock.sleep(left, stop.signal)
    }
  }

  /** What to say to the registry of an image: from a file as docker login writes it, read anew each time. */
  #authFor(reference: string): Result<object | undefined, string> {
    const file = this.#settings.registry_auth_file
    if (file === undefined) return ok(undefined)
    const registry = reference.slice(0, reference.indexOf('/'))
    const names =
      registry === 'docker.io'
        ? ['https://index.docker.io/v1/', 'index.docker.io', 'docker.io']
        : [
            registry,
            `https://${registry}`,
            `http://${registry}`,
            `https://${registry}/v1/`,
            `https://${registry}/v2/`,
          ]
    try {
      const { auths = {} } = JSON.parse(readFileSync(file, 'utf8')) as { auths?: Record<string, AuthEntry> }
      const name = names.find(name => auths[name] !== undefined)
      if (name === undefined) return ok(undefined)
      const { auth, username, password, identitytoken } = auths[name]!
      if (identitytoken) return ok({ identitytoken, serveraddress: name })
      const text = auth === undefined ? `${username}:${password}` : Buffer.from(auth, 'base64').toString()
      const colon = text.indexOf(':')
      if (colon === -1)
        return fail(`${file} has no password for ${name}; credential helpers are not asked, write it there`)
      return ok({
        username: text.slice(0, colon),
        password: text.slice(colon + 1),
        serveraddress: name,
      })
    } catch (error) {
      // The message of a JSON error shows what is in the file.
      const why = error instanceof SyntaxError ? 'it is no JSON' : errorText(error)
      return fail(`the registry_auth_file ${file} cannot be read: ${why}`)
    }
  }
}

const nobodyWaits = (reference: string) =>
  fail({
    reason: 'image-not-pulled' as const,
    message: `the image ${reference} was not pulled: nobody waits for it any more`,
  })

interface AuthEntry {
  auth?: string
  username?: string
  password?: string
  identitytoken?: string
}

interface ProgressLine {
  error?: string
  id?: string
  status?: string
  progressDetail?: { current?: number; total?: number }
}

interface LayerStatus {
  done?: boolean
  current?: number
  total?: number
}

function statusOf({ status = '', progressDetail }: ProgressLine): LayerStatus {
  if (/^(Pull complete|Already exists)/.test(status)) return { done: true }
  if (status !== 'Downloading') return {}
  const { current = 0, total = 0 } = progressDetail ?? {}
  return { current, total }
}

function sum(image: string, layers: ReadonlyMap<string, LayerStatus>): PullProgress {
  const progress = { image, layers: layers.size, layers_done: 0, bytes: 0, bytes_known: 0 }
  for (const { done, current = 0, total = 0 } of layers.values()) {
    if (done) progress.layers_done++
    progress.bytes += done ? total : current
    progress.bytes_known += total
  }
  return progress
}

const words = (value: string | string[] | undefined | null): string[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : ['/bin/sh', '-c', value]
