import { once } from 'node:events'
import {
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { execa } from 'execa'
import { systemClock } from '../../src/edges.ts'
import { command } from './command.ts'
import { isAlive } from './processes.ts'
import { readOrEmpty } from './read-or-empty.ts'
import { directoryPrefix } from './reaper.ts'
import { type Component, file, program, root } from './require.ts'

/** Options of an engine whose containers can have networks; it makes rules of the firewall for them. */
export const withNetworks = ['--bridge=', '--iptables=true']
/** The components without which such an engine cannot be started. */
export const networkNeeds: Component[] = [program('iptables')]

/** The components without which an engine cannot be started. */
export const engineNeeds: Component[] = [root, program('dockerd'), program('docker'), program('unshare')]

const daemon = `
set -e
mount -t tmpfs none "$1/data"
ip link set lo up 2>/dev/null || :
while :; do
  dockerd --data-root "$1/data" --exec-root "$1/data/exec" -p "$1/data/pid" -H "unix://$1/docker.sock" \\
    --bridge=none --iptables=false --ip6tables=false --cgroup-parent "$2" $3 >> "$1/log" 2>&1 &
  wait $! || :
  rm -f "$1/data/pid"
done
`

/** Where qemu-user-static says how the kernel starts programs of arm64. */
const armFormat = '/usr/lib/binfmt.d/qemu-aarch64.conf'
/** The components without which an engine that emulates arm64 cannot be started. */
export const emulationNeeds: Component[] = [program('qemu-aarch64-static'), file(armFormat)]
/** All ids but the last: with all of them nobody would know that it is in a user namespace, and some things fail there. */
const allIds = '0 0 4294967294\n'
const emulate = `
echo
read -r _
exec "$@"
`
const emulated = `
mount -t binfmt_misc none /proc/sys/fs/binfmt_misc
cat ${armFormat} >/proc/sys/fs/binfmt_misc/register
`

const prefix = 'runner-test-'

/**
 * A throw-away Docker engine. Its processes, mounts, network and images are in namespaces that end with it,
 * and it ends with this process, however that ends: a directory and empty control groups may be left then,
 * which the next one sweeps up.
 */
export class Engine implements AsyncDisposable {
  readonly #dir: string
  readonly #parent: string
  readonly #process

  private constructor(options: string, emulates = false) {
    sweep()
    this.#parent = `${prefix}${process.pid}`
    this.#dir = mkdtempSync(join(tmpdir(), directoryPrefix))
    mkdirSync(join(this.#dir, 'data'))
    const script = emulates ? `set -e\n${emulated}${daemon}` : daemon
    const shell = ['sh', '-c', script, 'sh', this.#dir, this.#parent, options]
    const own = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc']
    const before = emulates ? ['unshare', '--user', 'sh', '-c', emulate, 'sh'] : []
    this.#process = execa('setpriv', ['--pdeathsig', 'KILL', ...before, 'unshare', ...own, ...shell], {
      stdio: emulates ? ['pipe', 'pipe', 'ignore'] : 'ignore',
      reject: false,
    })
  }

  /** Starts one; rejects where it does not answer in time. */
  static start(...options: string[]): Promise<Engine> {
    return new Engine(options.join(' ')).#started()
  }

  /**
   * Starts one whose containers run programs of arm64 too. It is in a user namespace, which has binary formats of its own:
   * those of this machine stay as they are.
   */
  static async startEmulating(...options: string[]): Promise<Engine> {
    const engine = new Engine(options.join(' '), true)
    const { pid, stdin, stdout } = engine.#process
    await once(stdout!, 'data')
    for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${pid}/${map}`, allIds)
    stdin!.end('\n')
    return engine.#started()
  }

  async #started(): Promise<this> {
    try {
      await this.answers()
      return this
    } catch (error) {
      await this[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Waits until it answers. */
  async answers(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#get('/_ping')
        return
      } catch (error) {
        if (attempt === 100) throw new Error(`${error}\n${readOrEmpty(join(this.#dir, 'log')).slice(-4000)}`)
        await new Promise(resolve => setTimeout(resolve, 100))
      }
    }
  }

  /** Sends a signal to the daemon itself, which is started again whenever it ends. */
  signal(name: NodeJS.Signals): void {
    for (const pid of this.#daemons) process.kill(pid, name)
  }

  /** Ends the daemon by a signal; resolves when it has ended, and another one is about to be started. */
  async ends(name: NodeJS.Signals): Promise<void> {
    const daemons = this.#daemons
    this.signal(name)
    while (daemons.some(isAlive)) await systemClock.sleep(0.02)
  }

  get #daemons(): number[] {
    const option = `\0--data-root\0${this.#dir}/data\0`
    const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
    return pids.filter(pid => readOrEmpty(`/proc/${pid}/cmdline`).includes(option)).map(Number)
  }

  /** The id, on this machine, of the first process in its namespaces. */
  get pid(): string {
    const children = `/proc/${this.#process.pid}/task/${this.#process.pid}/children`
    return readFileSync(children, 'utf8').split(' ')[0]!
  }

  /** The directory in /proc of a process that is in the namespaces of the engine. */
  get #inside(): string {
    return `/proc/${this.pid}`
  }

  /** Its network, for nsenter(1). */
  get network(): string {
    return `${this.#inside}/ns/net`
  }

  /** Its mounts, for nsenter(1). */
  get mounts(): string {
    return `${this.#inside}/ns/mnt`
  }

  /** The files of this machine, as they are under its mounts. */
  get root(): string {
    return `${this.#inside}/root`
  }

  /** Its socket. */
  get socket(): string {
    return join(this.#dir, 'docker.sock')
  }

  /** A directory for files that containers are to see. */
  get directory(): string {
    return this.#dir
  }

  /** The names of the networks that runners have made. */
  async networks(): Promise<string[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: ['runner.uuid'] }))
    const networks = JSON.parse(await this.#get(`/networks?filters=${filters}`)) as { Name: string }[]
    return networks.map(({ Name }) => Name)
  }

  /** The whole ids of the containers that run. */
  running(): Promise<string[]> {
    return this.#containers('')
  }

  /** The whole ids of all containers. */
  containers(): Promise<string[]> {
    return this.#containers('?all=1')
  }

  async #containers(query: string): Promise<string[]> {
    const found = JSON.parse(await this.#get(`/containers/json${query}`)) as { Id: string }[]
    return found.map(({ Id }) => Id)
  }

  /** Asks the engine itself: tests look again and again, and each docker(1) would be a process more. */
  async #get(path: string): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
    const signal = AbortSignal.timeout(60_000)
    request({ socketPath: this.socket, path, signal, agent: false }, resolve).on('error', reject).end()
    const response = await promise
    const answer = await text(response)
    if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode} ${answer}`)
    return answer
  }

  /** One call of docker(1). */
  docker(...args: string[]): Promise<string> {
    return command('docker', ['-H', `unix://${this.socket}`, ...args])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      const containers = await this.containers()
      if (containers.length > 0) await this.docker('rm', '-f', ...containers)
    } catch {
      // Its namespaces end what lives in them.
    }
    this.#process.kill('SIGKILL')
    await this.#process
    removeGroups(this.#parent)
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

/** Removes what engines have left whose tests were killed. */
function sweep(): void {
  const stale = (name: string) => !isAlive(Number(name.slice(prefix.length).split('-')[0]))
  const names = globSync(`/sys/fs/cgroup/{,*/}${prefix}*`).map(path => path.slice(path.lastIndexOf('/') + 1))
  for (const name of new Set(names)) if (stale(name)) removeGroups(name)
  for (const name of readdirSync(tmpdir()))
    if (name.startsWith(prefix) && stale(name)) rmSync(join(tmpdir(), name), { recursive: true, force: true })
}

/** Removes control groups, the innermost first; those in which something lives stay. */
function removeGroups(name: string): void {
  for (const top of globSync(`/sys/fs/cgroup/{,*/}${name}`)) {
    const below = globSync(`${top}/**/`).sort((a, b) => b.length - a.length)
    for (const group of [...below, top]) {
      try {
        rmdirSync(group)
      } catch {
        // The next engine tries again.
      }
    }
  }
}
