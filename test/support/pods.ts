/*
 * Jobs in pods of a throw-away cluster: what the conformance suite of backends needs of one. Jobs that wait ask a server of
 * the test whether they may go on, because a pod shares no files with this machine.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { ExecutorConfiguration } from '../../src/config/sections/executor.ts'
import type { ExecutorBackend } from '../../src/remote/executors/executor.ts'
import { loadBackend } from '../../src/remote/executors/open.ts'
import { type Subject, scriptOf } from '../remote/executors/subject.ts'
import { AttachRig, attachTest } from './attached.ts'
import { Cluster, type RunnerNamespace } from './cluster.ts'
import { edges, settings } from './executors.ts'
import { makeImage, withBusybox } from './images.ts'

/** The image of jobs: busybox with what tests use. */
export const boxImage = 'box:local'

export class PodRig implements AsyncDisposable {
  readonly cluster: Cluster
  readonly #holds: Server
  readonly #released = new Set<string>()
  readonly #open: Awaited<ReturnType<typeof loadBackend>>

  private constructor(cluster: Cluster, holds: Server, open: Awaited<ReturnType<typeof loadBackend>>) {
    this.cluster = cluster
    this.#holds = holds
    this.#open = open
    holds.on('request', (request, response) => {
      response.statusCode = this.#released.has(request.url ?? '') ? 200 : 404
      response.end()
    })
  }

  static async start(): Promise<PodRig> {
    const cluster = await Cluster.start()
    try {
      await makeImage(cluster.engine, boxImage, {
        fill: root => withBusybox(root, [...boxApplets]),
        changes: [`CMD ${JSON.stringify(['true'])}`],
      })
      const holds = createServer()
      holds.listen(0, cluster.address)
      await once(holds, 'listening')
      return new PodRig(cluster, holds, await loadBackend('kubernetes'))
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
  }

  /** A command that succeeds in a pod once a hold was released. */
  holdTest(name: string): string {
    const { port } = this.#holds.address() as AddressInfo
    return `wget -q -O /dev/null http://${this.cluster.address}:${port}/${name} 2>/dev/null`
  }

  release(name: string): void {
    this.#released.add(`/${name}`)
  }

  /** The backend as a process of a runner has it. */
  backend(
    { kubeconfig }: RunnerNamespace,
    runnerId: string,
    changes: Partial<ExecutorConfiguration> = {},
  ): ExecutorBackend {
    return this.#open({
      settings: { ...settings, backend: 'kubernetes', kubeconfig, ...changes },
      stateDir: this.cluster.engine.directory,
      helperDir: this.cluster.engine.directory,
      workDir: this.cluster.engine.directory,
      runnerId,
      env: {},
      edges,
      onImageRemoved: () => {},
      onProblem: () => {},
    })
  }

  /** A runner of its own. */
  subject(namespace: RunnerNamespace): Subject {
    const runnerId = randomUUID()
    const id = randomUUID()
    const spool = join(this.cluster.engine.directory, 'spool')
    mkdirSync(spool, { recursive: true })
    return {
      open: () => this.backend(namespace, runnerId),
      image: boxImage,
      words: steps => ['sh', '-c', scriptOf(steps, name => this.holdTest(`${id}/${name}`))],
      missing: ['/there/is/no/such/program'],
      release: name => this.release(`${id}/${name}`),
      spoolDir: () => mkdtempSync(join(spool, 'job-')),
      makeBare: async () => {
        const bare = 'b'.repeat(32)
        await this.cluster.kubectl('-n', namespace.name, 'create', 'serviceaccount', `runner-${bare}`)
        const labels = [`runner.uuid=${runnerId}`, `runner.executor=${bare}`]
        await this.cluster.kubectl(
          '-n',
          namespace.name,
          'label',
          'serviceaccount',
          `runner-${bare}`,
          ...labels,
        )
        return bare
      },
      killSlot: async ({ ref }) => {
        const name = `runner-${ref.id}`
        await this.cluster.kubectl('-n', namespace.name, 'delete', 'serviceaccount', name)
        const pod = ['-n', namespace.name, 'delete', 'pod', name, '--ignore-not-found', '--grace-period=1']
        await this.cluster.kubectl(...pod)
      },
    }
  }

  /** What runners have left in a namespace. */
  async leftovers({ name }: RunnerNamespace): Promise<string[]> {
    const kinds = 'pods,secrets,serviceaccounts,roles,rolebindings'
    const found = await this.cluster.kubectl('-n', name, 'get', kinds, '-l', 'runner.uuid', '-o', 'name')
    return found.split('\n').filter(Boolean)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#holds.closeAllConnections()
    this.#holds.close()
    await this.cluster[Symbol.asyncDispose]()
  }
}

const boxApplets = [
  'sh',
  'cat',
  'dd',
  'env',
  'false',
  'head',
  'id',
  'kill',
  'ls',
  'rm',
  'sleep',
  'tail',
  'tr',
  'true',
  'wget',
]

/** A fleet whose jobs are pods: what is left there counts, not the containers of the node. */
class PodFleet extends AttachRig {
  leftInCluster: () => Promise<string[]> = async () => []

  override async leftovers(): Promise<string[]> {
    return [...(await this.leftInCluster()), ...this.filesLeft()]
  }
}

/** A test with a server of its own, and runners whose jobs are pods of one namespace. */
export function podTest(
  t: Test,
  title: string,
  rig: PodRig,
  namespace: RunnerNamespace,
  body: (t: Test, fleet: AttachRig) => Promise<unknown>,
): Promise<unknown> {
  return attachTest(t, title, rig.cluster.engine, {}, body, (...parts) => {
    const fleet = new PodFleet(...parts)
    fleet.leftInCluster = () => rig.leftovers(namespace)
    return fleet
  })
}
