/*
 * A throw-away cluster of Kubernetes 1.20 with one node. The node, kubelet and a Docker engine, is in the namespaces of
 * that engine; etcd and the control plane are on this machine, at one end of a pair of network devices whose other end is
 * the node's. All of it ends with this process, however that ends, and the devices go with the node.
 */
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { execa } from 'execa'
import { systemClock } from '../../src/edges.ts'
import { cached } from './cache.ts'
import { Authority } from './certificates.ts'
import { command } from './command.ts'
import { Engine, engineNeeds, networkNeeds, withNetworks } from './engine.ts'
import { makeImage, staticBusybox } from './images.ts'
import { type Component, program } from './require.ts'

/** What a cluster cannot be started without. Where its programs are not cached they are made, in 10 to 15 minutes. */
export const clusterNeeds: Component[] = [
  ...engineNeeds,
  ...networkNeeds,
  staticBusybox,
  ...['gcc', 'dpkg-source', 'ip', 'nsenter', 'openssl', 'runc'].map(program),
]

const script = 'scripts/kubernetes-binaries.sh'

/** The folder with the programs of Kubernetes, which stays as it is for each state of the script that makes it. */
export function clusterPrograms(): Promise<string> {
  const digest = createHash('sha256').update(readFileSync(script)).digest('hex')
  return cached(`kubernetes-${digest}`, async path => {
    await command(resolve(script), [path], { timeout: 3600 })
  })
}

/** The address of the service by which pods find the API server. */
const serviceAddress = '10.96.0.1'
/** The name of the node. */
export const nodeName = 'node'

/** Programs that run beside the engine, in the order in which they start. */
type Part = 'etcd' | 'kube-apiserver' | 'kube-controller-manager' | 'kube-scheduler' | 'kubelet'

/**
 * Without the right to CAP_SYS_RESOURCE no process can lower its score for the killer of a machine without memory, and
 * Docker gives the first container of each pod a low one.
 */
const runcWrapper = `#!/bin/sh
bundle=
for word; do
  [ "$last" != --bundle ] || bundle=$word
  last=$word
done
[ -z "$bundle" ] || sed -i -e 's/"oomScoreAdj":-[0-9]*/"oomScoreAdj":0/' -e 's/"CAP_SYS_RESOURCE",//g' \\
  -e 's/,"CAP_SYS_RESOURCE"//g' "$bundle/config.json"
exec runc "$@"
`

export class Cluster implements AsyncDisposable {
  readonly engine: Engine
  readonly #programs: string
  readonly #directory: string
  readonly #parts = new Map<Part, ReturnType<typeof startLogged>>()
  #namespaces = 0

  private constructor(engine: Engine, programs: string) {
    this.engine = engine
    this.#programs = programs
    this.#directory = join(engine.directory, 'cluster')
    mkdirSync(this.#directory, { mode: 0o700 })
  }

  /** Starts one, and waits until its node takes pods. */
  static async start(): Promise<Cluster> {
    const programs = await clusterPrograms()
    const digest = createHash('sha256').update(runcWrapper).digest('hex').slice(0, 12)
    const wrapper = await cached(`runc-${digest}`, async path => {
      writeFileSync(path, runcWrapper)
      chmodSync(path, 0o755)
    })
    const runtime = [`--add-runtime=wrapped=${wrapper}`, '--default-runtime=wrapped']
    const engine = await Engine.start(...withNetworks, ...runtime)
    const cluster = new Cluster(engine, programs)
    try {
      await cluster.#start()
      return cluster
    } catch (error) {
      const log = cluster.#logs()
      await cluster[Symbol.asyncDispose]()
      throw new Error(`the cluster did not start: ${error}\n${log}`)
    }
  }

  /** The address of the API server, and of anything on this machine that pods are to reach. */
  get address(): string {
    return `${this.#network}.1`
  }

  /** The first three numbers of addresses, and one more in the last for this process: each gets four addresses. */
  get #network(): string {
    return `10.${210 + ((process.pid >> 8) % 40)}.${process.pid % 256}`
  }

  get server(): string {
    return `https://${this.address}:6443`
  }

  /** The file by which an administrator reaches it. */
  get kubeconfig(): string {
    return join(this.#directory, 'admin.kubeconfig')
  }

  /** One call of kubectl(1), as an administrator. */
  kubectl(...args: string[]): Promise<string> {
    return command(join(this.#programs, 'kubectl'), ['--kubeconfig', this.kubeconfig, ...args])
  }

  /** Makes a namespace with what a runner gets there by deploy/kubernetes. */
  async namespace(): Promise<RunnerNamespace> {
    const name = `test-${++this.#namespaces}`
    await this.kubectl('create', 'namespace', name)
    await this.kubectl('-n', name, 'apply', '-f', 'deploy/kubernetes/rbac.yaml')
    const find = ['-n', name, 'get', 'serviceaccount', 'runner', '-o', 'jsonpath={.secrets[0].name}']
    const secret = await until(async () => (await this.kubectl(...find)) || undefined)
    const token = await this.kubectl('-n', name, 'get', 'secret', secret, '-o', 'jsonpath={.data.token}')
    const kubeconfig = join(this.#directory, `${name}.kubeconfig`)
    this.#writeKubeconfig(kubeconfig, Buffer.from(token, 'base64').toString(), name)
    return { name, kubeconfig }
  }

  /** Sends a signal to a part: SIGSTOP and SIGCONT make one that does not answer for a while. */
  signal(part: Part, name: NodeJS.Signals): void {
    // nsenter(1) waits for what it has started.
    const { pid } = this.#parts.get(part)!
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean)
    for (const id of part === 'kubelet' ? children : [pid]) process.kill(Number(id), name)
  }

  /** Ends a part at once. */
  async kill(part: Part): Promise<void> {
    this.signal(part, 'SIGKILL')
    await this.#parts.get(part)
  }

  /** Starts a part again. */
  async restart(part: Part): Promise<void> {
    this.#run(part)
    if (part === 'kube-apiserver' || part === 'etcd') await this.#answers()
  }

  async #start(): Promise<void> {
    const { engine, address } = this
    const device = `rt${process.pid}`
    const inNode = (...words: string[]) => command('nsenter', [`--net=${engine.network}`, ...words])
    await command('ip', ['link', 'add', device, 'type', 'veth', 'peer', 'name', 'node0', 'netns', engine.pid])
    await command('ip', ['address', 'add', `${address}/30`, 'dev', device])
    await command('ip', ['link', 'set', device, 'up'])
    await inNode('ip', 'address', 'add', `${this.#network}.2/30`, 'dev', 'node0')
    await inNode('ip', 'link', 'set', 'node0', 'up')
    await inNode('ip', 'route', 'add', 'default', 'via', address)
    for (const chain of ['PREROUTING', 'OUTPUT']) {
      const service = ['-d', serviceAddress, '-p', 'tcp', '--dport', '443']
      await inNode('iptables', '-t', 'nat', '-A', chain, ...service, '-j', 'DNAT', '--to', `${address}:6443`)
    }
    this.#writeFiles()
    const pause = makeImage(engine, 'pause:local', {
      fill: root => this.#copyPause(root),
      changes: [`CMD ${JSON.stringify(['/pause'])}`],
    })
    this.#run('etcd')
    this.#run('kube-apiserver')
    await this.#answers()
    await pause
    this.#run('kube-controller-manager')
    this.#run('kube-scheduler')
    this.#run('kubelet')
    await this.isReady()
    const account = ['get', 'serviceaccount', 'default', '-o', 'jsonpath={.secrets[0].name}']
    await until(async () => (await this.kubectl(...account)) || undefined)
  }

  /** Waits until the node takes pods. */
  async isReady(): Promise<void> {
    const ready = 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
    await until(
      async () => (await this.kubectl('get', 'node', nodeName, '-o', ready)) === 'True' || undefined,
    )
  }

  /** Waits until the API server answers. */
  async #answers(): Promise<void> {
    await until(async () => (await this.kubectl('get', '--raw', '/readyz')) === 'ok' || undefined)
  }

  #copyPause(root: string): void {
    writeFileSync(join(root, 'pause'), readFileSync(join(this.#programs, 'pause')), { mode: 0o755 })
  }

  /** Certificates, tokens, and the files by which the parts reach the API server. */
  #writeFiles(): void {
    const names = `DNS:kubernetes,DNS:kubernetes.default.svc,IP:${this.address},IP:${serviceAddress}`
    const authority = new Authority(this.#directory)
    authority.issue('apiserver', names)
    authority.issue('accounts', 'DNS:accounts')
    const token = 'of-the-administrator'
    writeFileSync(join(this.#directory, 'tokens'), `${token},admin,admin,"system:masters"\n`, { mode: 0o600 })
    this.#writeKubeconfig(this.kubeconfig, token, 'default')
  }

  #writeKubeconfig(path: string, token: string, namespace: string): void {
    const authority = readFileSync(join(this.#directory, 'ca.crt')).toString('base64')
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'one', cluster: { server: this.server, 'certificate-authority-data': authority } }],
      users: [{ name: 'one', user: { token } }],
      contexts: [{ name: 'one', context: { cluster: 'one', user: 'one', namespace } }],
      'current-context': 'one',
    }
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 })
  }

  #run(part: Part): void {
    const { engine } = this
    const log = join(this.#directory, `${part}.log`)
    const inside = [`--mount=${engine.mounts}`, `--net=${engine.network}`, `--pid=/proc/${engine.pid}/ns/pid`]
    const words = [join(this.#programs, part), ...this.#optionsOf(part)]
    const program = part === 'kubelet' ? ['nsenter', ...inside, ...words] : words
    this.#parts.set(part, startLogged(program, log, this.#directory))
  }

  #optionsOf(part: Part): string[] {
    const file = (name: string) => join(this.#directory, name)
    const options = this.#settingsOf(part, file)
    return Object.entries(options).map(([name, value]) => `--${name}=${value}`)
  }

  #settingsOf(part: Part, file: (name: string) => string): Record<string, string> {
    const { address, kubeconfig, engine } = this
    const store = `http://${address}:2379`
    const shared = { kubeconfig, 'leader-elect': 'false', port: '0', 'secure-port': '0' }
    switch (part) {
      case 'etcd':
        return {
          'data-dir': file('etcd'),
          'listen-client-urls': store,
          'advertise-client-urls': store,
          'listen-peer-urls': `http://${address}:2380`,
        }
      case 'kube-apiserver':
        return {
          'etcd-servers': store,
          'bind-address': address,
          'advertise-address': address,
          'secure-port': '6443',
          'insecure-port': '0',
          'tls-cert-file': file('apiserver.crt'),
          'tls-private-key-file': file('apiserver.key'),
          'cert-dir': file('apiserver'),
          'token-auth-file': file('tokens'),
          'authorization-mode': 'RBAC',
          'service-cluster-ip-range': '10.96.0.0/24',
          'service-account-issuer': 'https://kubernetes.default.svc',
          // The public half: the API server does not read that of a key of this form from the key.
          'service-account-key-file': file('accounts.crt'),
          'service-account-signing-key-file': file('accounts.key'),
          'kubelet-preferred-address-types': 'InternalIP',
          // A pod of a lost node is to go sooner than after five minutes.
          'default-not-ready-toleration-seconds': '5',
          'default-unreachable-toleration-seconds': '5',
        }
      case 'kube-controller-manager':
        return {
          ...shared,
          'root-ca-file': file('ca.crt'),
          'service-account-private-key-file': file('accounts.key'),
          'node-monitor-grace-period': '12s',
          'pod-eviction-timeout': '5s',
        }
      case 'kube-scheduler':
        return shared
      case 'kubelet':
        return {
          kubeconfig,
          'hostname-override': nodeName,
          'node-ip': `${this.#network}.2`,
          'root-dir': join(engine.directory, 'data', 'kubelet'),
          'cert-dir': join(engine.directory, 'data', 'kubelet-certificates'),
          'container-runtime': 'docker',
          'docker-endpoint': `unix://${engine.socket}`,
          'network-plugin': '',
          'pod-infra-container-image': 'pause:local',
          'cgroup-driver': 'cgroupfs',
          'cgroups-per-qos': 'false',
          'enforce-node-allocatable': '',
          'fail-swap-on': 'false',
          'resolv-conf': '',
          'healthz-port': '0',
          'read-only-port': '0',
          'eviction-hard': 'memory.available<1Mi',
          'image-gc-high-threshold': '100',
          'minimum-image-ttl-duration': '24h',
          'node-status-update-frequency': '3s',
        }
    }
  }

  #logs(): string {
    return [...this.#parts.keys()]
      .map(part => `${part}:\n${readFileSync(join(this.#directory, `${part}.log`), 'utf8').slice(-3000)}`)
      .join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The kubelet first: it starts again what goes.
    for (const [, part] of [...this.#parts].reverse()) {
      part.kill('SIGKILL')
      await part
    }
    await this.engine[Symbol.asyncDispose]()
  }
}

/** Starts a program that ends with this process; what it says is appended to a file. */
function startLogged(words: readonly string[], log: string, cwd: string) {
  const logged = ['sh', '-c', 'log=$1; shift; exec "$@" >>"$log" 2>&1', 'sh', log, ...words]
  return execa('setpriv', ['--pdeathsig', 'KILL', ...logged], { stdio: 'ignore', reject: false, cwd })
}

export interface RunnerNamespace {
  name: string
  /** The file by which a runner reaches it, with the rights that deploy/kubernetes gives. */
  kubeconfig: string
}

/** Looks again and again, and takes a failure for not yet; rejects after a minute. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  let said: unknown
  for (const late = systemClock.monotonic() + 60; systemClock.monotonic() < late; ) {
    try {
      const found = await look()
      if (found !== undefined) return found
    } catch (error) {
      said = error
    }
    await systemClock.sleep(0.1)
  }
  throw new Error(`it has not come within a minute: ${said}`)
}
