/*
 * Plugins that stay for further jobs, as the SDKs of Python and Go can: a plugin pays for its start once.
 * supervisor.sh gives such a plugin its jobs, with api.sh or with tls.sh and secret-api.ts; here is which
 * jobs go to one, and the files that it finds.
 */
import { createHash } from 'node:crypto'
import type { ExecutorConfiguration } from '../../../config/sections/executor.ts'
import type { ExecutorJob } from '../executor.ts'
import type { ImageFacts } from '../image.ts'
import { type Certificate, loopbackCertificate } from './certificate.ts'
import type { LeavingImages } from './leaving-images.ts'

/** The folder of such plugins, in that of the jobs of a container. */
export const pluginFolder = 'sdk'

/** The name by which the SDKs know the Secret with their input; api.sh answers it. */
export const secretName = { name: 'input', namespace: 'runner' }

/** The words of a command that starts a plugin of the SDK of Python. */
const sdk = /\bdigitalai[./]release[./]integration\b/

/** The file by which a plugin with KUBECONFIG finds api.sh. Its format is YAML, which includes JSON. */
export const kubeconfig = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [{ name: 'runner', cluster: { server: 'http://127.0.0.1:6443' } }],
  users: [{ name: 'runner', user: {} }],
  contexts: [{ name: 'runner', context: { cluster: 'runner', user: 'runner' } }],
  'current-context': 'runner',
})

/** Where the SDK of Go looks for the folder with `token` and `ca.crt`. */
export const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * The server of a plugin's calls: `http` is one in the container itself, which plugins in Python can use;
 * `tls` is the runner.
 */
export type Way = 'http' | 'tls'

/** The parts of a job that `serve` of supervisor.sh needs beside those that `run` needs. */
export interface Invitation {
  /** Jobs of the same sign can have the same process. */
  sign: string
  /**
   * The files `secret` and `key` of the exchange directory. By TLS, `secret` is the input in clear, and `key`
   * has no meaning.
   */
  secret: string
  key: string
}

/** The images of a runner whose plugins can stay. */
export class StayingPlugins {
  readonly #settings: Pick<ExecutorConfiguration, 'sdk_daemon' | 'network'>
  /** Images whose plugins left all the same. */
  readonly #leaving: LeavingImages
  /** Whether the program of an image has the SDK of Go in it, by the id of the image. */
  readonly #looked = new Map<string, boolean>()
  /** The ids of images whose plugins have stayed. */
  readonly #stayed = new Set<string>()
  #certificate: Certificate | undefined

  constructor(settings: Pick<ExecutorConfiguration, 'sdk_daemon' | 'network'>, leaving: LeavingImages) {
    this.#settings = settings
    this.#leaving = leaving
  }

  /**
   * Why no plugin can stay; undefined: some can. A network that is not the container's own is not for their
   * calls.
   */
  get unwelcome(): string | undefined {
    const { sdk_daemon, network } = this.#settings
    if (sdk_daemon !== 'auto') return `sdk_daemon = ${sdk_daemon}`
    return network === 'host' || network.startsWith('container:') ? `network = ${network}` : undefined
  }

  /**
   * The way by which the plugins of an image can stay; undefined: they cannot; `unknown`: its program tells
   * (go-program.ts).
   */
  wayOf({
    id,
    entrypoint,
    command,
  }: Pick<ImageFacts, 'id' | 'entrypoint' | 'command'>): Way | 'unknown' | undefined {
    if (this.unwelcome !== undefined || this.#leaving.has(id)) return undefined
    if (sdk.test([...entrypoint, ...command].join(' '))) return 'http'
    const hasSdk = this.#looked.get(id)
    return hasSdk === undefined ? 'unknown' : hasSdk ? 'tls' : undefined
  }

  /** The program of an image was looked into. */
  found(imageId: string, hasSdk: boolean): void {
    this.#looked.set(imageId, hasSdk)
  }

  /** With which all plugins are answered. Its key is in the memory of this process only. */
  get certificate(): Certificate {
    this.#certificate ??= loopbackCertificate()
    return this.#certificate
  }

  /** The plugin of an image has stayed after a job. */
  stay(imageId: string): void {
    this.#stayed.add(imageId)
  }

  /** Whether one has: then another that ends after its job does so for a reason of its own. */
  hasStayed(imageId: string): boolean {
    return this.#stayed.has(imageId)
  }

  /** The plugin of an image did not stay: the next jobs are started as any others are. */
  leave(imageId: string): void {
    this.#leaving.add(imageId)
  }
}

/**
 * Makes the invitation by which a plugin that stays gets a job; undefined: the job is not for such a plugin.
 * `served`: the number of jobs that the container has had. The SDK of Python fails at about its 320th job in
 * one process, so a new process begins long before.
 */
export function invitationFor(job: ExecutorJob, served: number, way: Way): Invitation | undefined {
  const { plugin, command, args, env, secretEnv } = job
  // Without a key the SDK would not see that there is another job.
  if (plugin === undefined || plugin.sessionKey === '' || command !== undefined || args !== undefined)
    return undefined
  const same = [
    plugin.releaseUrl,
    Object.entries(env),
    Object.entries(secretEnv),
    Math.floor(served / mostJobs),
  ]
  const sign = createHash('sha256').update(JSON.stringify(same)).digest('hex').slice(0, 16)
  // The SDK of Go has one key for the life of a process, or none, where it reads files.
  if (way === 'tls') return plugin.clear === undefined ? undefined : { sign, secret: plugin.clear, key: '' }
  const key = encoded(plugin.sessionKey)
  const about = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { ...secretName, uid: secretName.name, resourceVersion: String(served + 1) },
    type: 'Opaque',
  }
  return {
    sign,
    secret: JSON.stringify({
      ...about,
      data: { 'session-key': key, input: encoded(plugin.input), url: '', fetchUrl: '' },
    }),
    key: JSON.stringify({ ...about, data: { 'session-key': key } }),
  }
}

/** Jobs of one process. */
export const mostJobs = 300
const encoded = (text: string) => Buffer.from(text).toString('base64')
