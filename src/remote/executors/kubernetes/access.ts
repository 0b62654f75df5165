/* The ways to a cluster: from inside it, or by a kubeconfig. */
import { readFileSync } from 'node:fs'
import { KubeConfig } from '@kubernetes/client-node/dist/config.js'
import { Agent, type Dispatcher, ProxyAgent } from 'undici'
import type { ExecutorConfiguration } from '../../../config/sections/executor.ts'
import { defined, errorText, fail, ok, type Result } from '../../../result.ts'
import type { Failure } from '../executor.ts'

/** Where a pod has the files of its service account. */
const accountFolder = '/var/run/secrets/kubernetes.io/serviceaccount'

/** A cluster, and one namespace in it. */
export interface ClusterAccess {
  config: KubeConfig
  /** `https://10.0.0.1:6443`. */
  server: string
  namespace: string
}

/** Finds cluster and namespace; fails with what is missing. */
export function findCluster(
  settings: Pick<ExecutorConfiguration, 'kubeconfig' | 'namespace'>,
  env: NodeJS.ProcessEnv,
): Result<ClusterAccess, Failure> {
  const path = settings.kubeconfig ?? (env.KUBECONFIG || undefined)
  if (path === undefined && !env.KUBERNETES_SERVICE_HOST)
    return unreachable('runner is not in a cluster, and no kubeconfig is named: set kubeconfig in [executor]')
  const config = new KubeConfig()
  try {
    if (path === undefined) config.loadFromCluster()
    else config.loadFromFile(path)
  } catch (error) {
    return unreachable(`${path ?? accountFolder} cannot be used: ${errorText(error)}`)
  }
  const cluster = config.getCurrentCluster()
  if (cluster === null)
    return unreachable(`${path} has no current context with a cluster: run kubectl config use-context NAME`)
  const context = config.getContextObject(config.getCurrentContext())
  const namespace = settings.namespace ?? context?.namespace ?? ownNamespace()
  return ok({ config, server: cluster.server.replace(/\/$/, ''), namespace })
}

/** The namespace of the pod that runner is in. */
function ownNamespace(): string {
  try {
    return readFileSync(`${accountFolder}/namespace`, 'utf8').trim()
  } catch {
    return 'default'
  }
}

const unreachable = (message: string) =>
  fail({ reason: 'engine-unreachable', message, retry: 'when-back' } satisfies Failure)

/** The credentials of a call to the API server. */
export interface ClusterCredentials {
  dispatcher: Dispatcher
  headers: Record<string, string>
}

/** The part of a configuration that is about the connection. */
interface TlsOptions {
  ca?: string | Buffer | undefined
  cert?: string | Buffer | undefined
  key?: string | Buffer | undefined
  servername?: string | undefined
  rejectUnauthorized?: boolean | undefined
}

/** Gives the credentials of a configuration, whose token and certificates may change at any time. */
export class CredentialSource {
  readonly #config: KubeConfig
  #made: { from: string; dispatcher: Dispatcher } | undefined

  constructor(config: KubeConfig) {
    this.#config = config
  }

  /** Rejects where a file, or the program that gives them, fails. */
  async current(): Promise<ClusterCredentials> {
    const options: TlsOptions & { headers?: object } = {}
    await this.#config.applyToHTTPSOptions(options)
    const { headers = {}, ...tls } = options
    const texts = Object.entries(headers).map(([name, value]) => [name, String(value)])
    return { dispatcher: this.#dispatcherOf(tls), headers: Object.fromEntries(texts) }
  }

  /**
   * The one for these certificates. The dispatcher that the client itself gives is a new one at each call,
   * which would make each call connect anew.
   */
  #dispatcherOf({ ca, cert, key, servername, rejectUnauthorized }: TlsOptions): Dispatcher {
    const from = [ca, cert, key, servername, rejectUnauthorized].map(String).join('\n')
    if (this.#made?.from === from) return this.#made.dispatcher
    const tls = defined({ ca, cert, key, servername, rejectUnauthorized })
    const proxy = this.#config.getCurrentCluster()?.proxyUrl
    // A watch or a log that stalls must not hold up calls in the same connection, as it can in HTTP/2.
    const dispatcher =
      proxy === undefined
        ? new Agent({ connect: tls, allowH2: false })
        : new ProxyAgent({ uri: proxy, requestTls: tls, allowH2: false })
    this.#made = { from, dispatcher }
    return dispatcher
  }
}
