/*
 * Images: the list of allowed ones, the engine's knowledge of them, and pulls from a registry. A pull has
 * limits of its own, since a registry that hangs must not use up the time of the job.
 */
import { allowsAll } from '../../../config/image-patterns.ts'
import type { ExecutorConfiguration } from '../../../config/sections/executor.ts'
import type { Clock } from '../../../edges.ts'
import { defined, fail, ok, type Result } from '../../../result.ts'
import { aborted } from '../../../system/wait.ts'
import type { ImageFacts, PullProgress } from '../image.ts'
import { canonical, digestIn, isAllowed, mapped, withDigest } from '../image-reference.ts'
import type { Engine, EngineFailure } from './engine.ts'
import type { ImageCollector } from './image-gc.ts'
import { type PullLine, PullSum } from './pull-progress.ts'
import { authFor } from './registry-auth.ts'

export interface ImageFailure {
  reason:
    | 'image-not-allowed'
    | 'image-missing'
    | 'image-not-pulled'
    | 'image-unusable'
    | EngineFailure['reason']
  message: string
}

/** Seconds that a whole pull may take, and seconds without any progress after which it is ended. */
export const pullLimits = { whole: 1800, silence: 120 }

/** A pull that is under way, and how many callers still wait for it. */
interface Pull {
  done: Promise<Result<ImageFacts, ImageFailure>>
  stop: AbortController
  wanted: number
  hearers: Set<(progress: PullProgress) => void>
}

type Settings = Pick<ExecutorConfiguration, 'images' | 'image_mappings' | 'pull' | 'registry_auth_file'>

/**
 * Makes sure that an image is on this host, and describes it. Each reference has one pull at a time: callers
 * that ask meanwhile wait for the same pull, which is ended when none of them waits any more.
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

  /** With a digest, the image is the one that has this digest in the repository of the reference. */
  async prepare(
    named: string,
    onProgress: (progress: PullProgress) => void = () => {},
    signal?: AbortSignal,
    digest?: string,
  ): Promise<Result<ImageFacts, ImageFailure>> {
    const { images, image_mappings, pull } = this.#settings
    // The patterns are about names: a tag that was allowed for the first attempt of a run is allowed for the
    // next ones.
    if (!isAllowed(named, images))
      return fail({
        reason: 'image-not-allowed',
        message: `the image ${named} is not allowed: images in [executor] allows ${images.join(', ')}`,
      })
    const reference = withDigest(mapped(named, image_mappings), digest)
    if (pull !== 'always') {
      const here = await this.#inspect(reference)
      if (here.ok) this.#collector?.used(here.value.id)
      if (here.ok || here.failure.reason !== 'not-found') return here
      if (pull === 'never')
        return fail({
          reason: 'image-missing',
          message:
            `the image ${reference}${digest === undefined ? '' : ', which an earlier attempt ran,'} ` +
            'is not on this host, and pull = never in [executor]',
        })
    }
    return this.#join(this.#pullOf(reference), reference, onProgress, signal)
  }

  /** Waits until a pull is over or the signal aborts. */
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

  /** The pull of a reference that is under way, else a new one. */
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

  /** Makes room, pulls the image, and records that this runner has pulled it. */
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
    // Engines take the beginning of an id for a name too, but the patterns of the configuration are about
    // names.
    const names = [...(RepoTags ?? []), ...(RepoDigests ?? [])].map(canonical)
    const byId = Id.replace(/^sha256:/, '').startsWith(reference.replace(/^sha256:/, ''))
    if (byId && !this.#settings.images.some(allowsAll) && !names.includes(canonical(reference)))
      return fail({
        reason: 'image-not-allowed',
        message: `${reference} is the id of an image, and images in [executor] allows names alone`,
      })
    return ok({
      id: Id,
      reference,
      digest: digestIn(reference, RepoDigests ?? []),
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
    const { registry_auth_file: file } = this.#settings
    const auth = file === undefined ? ok(undefined) : authFor(file, canonical(reference))
    if (!auth.ok) return fail({ reason: 'image-not-pulled', message: auth.failure })
    const stop = new AbortController()
    signal.addEventListener('abort', () => stop.abort(), { once: true, signal: stop.signal })
    let heard = this.#clock.monotonic()
    const silence = this.#watchSilence(() => heard, stop)
    const done = await this.#engine.call(
      `pull ${reference}`,
      async docker => {
        const options = { ...defined({ authconfig: auth.value }), abortSignal: stop.signal }
        const stream = await docker.pull(canonical(reference), options)
        stop.signal.addEventListener('abort', () => stream.destroy())
        const sum = new PullSum(reference)
        await new Promise<void>((resolve, reject) => {
          stop.signal.addEventListener('abort', () => reject(new Error(String(stop.signal.reason))))
          docker.modem.followProgress(
            stream,
            error => (error ? reject(error) : resolve()),
            (line: PullLine) => {
              heard = this.#clock.monotonic()
              // Errors of a pull that has begun come as lines of its progress.
              if (line.error !== undefined) reject(new Error(line.error))
              const progress = sum.take(line)
              if (progress !== undefined) onProgress(progress)
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
      // A pull that breaks off has no HTTP status, so it looks like an engine that cannot be reached.
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
}

const nobodyWaits = (reference: string) =>
  fail({
    reason: 'image-not-pulled' as const,
    message: `the image ${reference} was not pulled: nobody waits for it any more`,
  })

const words = (value: string | string[] | undefined | null): string[] =>
  value === undefined || value === null ? [] : Array.isArray(value) ? value : ['/bin/sh', '-c', value]
