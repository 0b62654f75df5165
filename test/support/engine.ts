import { type ChildProcess, spawn } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { command } from './command.ts'
import { isAlive } from './processes.ts'
import { type Component, program, root } from './require.ts'

/** What an engine cannot be started without. */
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

const prefix = 'runner-test-'

/**
 * A throw-away Docker engine. Its processes, mounts, network and images are in namespaces that end with it, and
 * it ends with this process, however that ends: what may be left then is a directory and empty control groups,
 * which the next one sweeps up.
 */
export class Engine implements AsyncDisposable {
  readonly #dir: string
  readonly #parent: string
  readonly #process: ChildProcess
  readonly #ended: Promise<unknown>

  private constructor(options: string) {
    sweep()
    this.#parent = `${prefix}${process.pid}`
    this.#dir = mkdtempSync(join(tmpdir(), `${this.#parent}-`))
    mkdirSync(join(this.#dir, 'data'))
    const shell = ['sh', '-c', daemon, 'sh', this.#dir, this.#parent, options]
    const own = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc']
    this.#process = spawn('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...own, ...shell], {
      stdio: 'ignore',
    })
    this.#ended = new Promise(resolve => this.#process.on('exit', resolve).on('error', resolve))
  }

  /** Starts one; rejects where it does not answer in time. */
  static async start(...options: string[]): Promise<Engine> {
    const engine = new Engine(options.join(' '))
    try {
      await engine.answers()
      return engine
    } catch (error) {
      await engine[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Waits until it answers. */
  async answers(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.docker('version')
        return
      } catch (error) {
        if (attempt === 100) throw new Error(`${error}\n${read(join(this.#dir, 'log')).slice(-4000)}`)
        await new Promise(resolve => setTimeout(resolve, 100))
      }
    }
  }

  /** Sends a signal to the daemon itself, which is started again whenever it ends. */
  signal(name: NodeJS.Signals): void {
    const option = `\0--data-root\0${this.#dir}/data\0`
    for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name)))
      if (read(`/proc/${pid}/cmdline`).includes(option)) process.kill(Number(pid), name)
  }

  /** What /proc has of a process in its namespaces. */
  get #inside(): string {
    const [shell] = readFileSync(
      `/proc/${this.#process.pid}/task/${this.#process.pid}/children`,
      'utf8',
    ).split(' ')
    return `/proc/${shell}`
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

  /** One call of docker(1). */
  docker(...args: string[]): Promise<string> {
    return command('docker', ['-H', `unix://${this.socket}`, ...args])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      const containers = await this.docker('ps', '-aq')
      if (containers !== '') await this.docker('rm', '-f', ...containers.split('\n'))
    } catch {
      // Its namespaces end what lives in them.
    }
    this.#process.kill('SIGKILL')
    await this.#ended
    removeGroups(this.#parent)
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
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
