import { createHash, randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cached } from './cache.ts'
import { command } from './command.ts'
import { Engine, engineNeeds } from './engine.ts'
import { MachineScripts } from './machine-scripts.ts'
import { directoryPrefix } from './reaper.ts'
import { type Component, program } from './require.ts'

/** The components without which a machine cannot be made. */
export const machineNeeds: Component[] = [...engineNeeds, program('debootstrap')]

/** Debian with systemd, and the packages on which the package and its image depend; made once and kept. */
const release = 'bookworm'
const packages = ['systemd', 'systemd-sysv', 'dbus', 'libatomic1', 'libstdc++6', 'busybox-static']

const bootstrap = `
set -e
mount -t tmpfs none "$1"
debootstrap --variant=minbase --include="$3" "$4" "$1/root" >&2
rm -rf "$1"/root/var/cache/apt/archives/*.deb "$1"/root/var/lib/apt/lists/*
tar -C "$1/root" -cf "$2" .
`

/** The tar archive of the machine's files: a minute where the cache does not have it. */
export const baseArchive = (): Promise<string> => debianArchive('machine', bootstrap, packages)

/**
 * An archive of the files of Debian. The script gets an empty directory, the path of the archive, the names of packages with
 * commas between them, and the release.
 */
export function debianArchive(name: string, script: string, packages: readonly string[]): Promise<string> {
  const recipe = [release, ...packages, script].join(' ')
  const hash = createHash('sha256').update(recipe).digest('hex').slice(0, 12)
  return cached(`${name}-${hash}.tar`, async archive => {
    const work = mkdtempSync(join(tmpdir(), directoryPrefix))
    try {
      // Mounts of its own, and processes that end with this one.
      const own = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
      const args = ['sh', '-c', script, 'sh', work, archive, packages.join(','), release]
      await command('setpriv', ['--pdeathsig', 'KILL', 'unshare', ...own, ...args], { timeout: 900 })
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  })
}

/*
 * The kernel's boot id is that of the machine below: a file of our own goes over it before anything else runs.
 * The journal is kept from boot to boot.
 */
const image = `
FROM base
RUN mkdir -p /var/log/journal /etc/systemd/system/sysinit.target.wants \\
 && printf '[Unit]\\nDefaultDependencies=no\\nBefore=sysinit.target systemd-journald.service\\n[Service]\\nType=oneshot\\nExecStart=/bin/mount --bind /run-host/boot-id /proc/sys/kernel/random/boot_id\\n' \\
    > /etc/systemd/system/boot-id.service \\
 && ln -s ../boot-id.service /etc/systemd/system/sysinit.target.wants/ \\
 && systemctl mask systemd-logind.service getty.target console-getty.service \\
 && printf uninitialized > /etc/machine-id
`

/** A machine with systemd, to be booted, rebooted and crashed at will. It has no network. */
export class Machine implements AsyncDisposable {
  /** The engine on which it runs; `/srv/engine` on the machine is its directory. */
  readonly engine: Engine
  readonly #name = 'machine'
  readonly #scripts: MachineScripts

  private constructor(engine: Engine) {
    this.engine = engine
    const words = ['-H', `unix://${engine.socket}`, 'exec', '-i', this.#name]
    const here = join(engine.directory, 'scripts')
    this.#scripts = new MachineScripts({ words, here, there: '/srv/engine/scripts' })
  }

  /** `volumes`: directories of this host that the machine has too, as `docker run -v` takes them. */
  static async boot(...volumes: string[]): Promise<Machine> {
    const archive = await baseArchive()
    const engine = await Engine.start()
    const machine = new Machine(engine)
    try {
      await engine.docker('import', archive, 'base')
      const context = join(engine.directory, 'image')
      mkdirSync(context)
      writeFileSync(join(context, 'Dockerfile'), image)
      await engine.docker('build', '--quiet', '--network', 'none', '-t', 'machine', context)
      const shared = join(engine.directory, 'shared')
      mkdirSync(shared)
      machine.#newBootId()
      const cut = ['--network', 'none', '--stop-signal', 'SIGRTMIN+3', '-e', 'container=docker']
      const may = ['--cap-add', 'SYS_ADMIN', '--cgroupns', 'private', '--security-opt', 'seccomp=unconfined']
      const files = ['--tmpfs', '/run', '--tmpfs', '/run/lock', '-v', `${shared}:/run-host:ro`]
      const own = [`${engine.directory}:/srv/engine`, ...volumes].flatMap(volume => ['-v', volume])
      await engine.docker(
        'run',
        '-d',
        '--name',
        machine.#name,
        ...cut,
        ...may,
        ...files,
        ...own,
        'machine',
        '/sbin/init',
      )
      await machine.#booted()
      return machine
    } catch (error) {
      await engine[Symbol.asyncDispose]()
      throw error
    }
  }

  #newBootId(): void {
    writeFileSync(join(this.engine.directory, 'shared', 'boot-id'), `${randomUUID()}\n`)
  }

  /** Waits until systemd answers; units may still be starting. */
  async #booted(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.sh('systemctl show --property=Version')
        return
      } catch (error) {
        if (attempt === 100) throw error
        await new Promise(resolve => setTimeout(resolve, 50))
      }
    }
  }

  /** Runs a shell script on the machine; resolves to its output. Rejects where it fails. */
  sh(script: string): Promise<string> {
    return this.#scripts.run(script)
  }

  /** The arguments of docker(1) that run a program on the machine, in a directory there. */
  execWords(directory: string, ...words: string[]): string[] {
    return ['-H', `unix://${this.engine.socket}`, 'exec', '-w', directory, this.#name, ...words]
  }

  /** Writes a file on the machine. */
  async write(path: string, content: string, mode = '0644'): Promise<void> {
    const text = Buffer.from(content).toString('base64')
    await this.sh(
      `mkdir -p "$(dirname '${path}')"; echo ${text} | base64 -d > '${path}'; chmod ${mode} '${path}'`,
    )
  }

  /** Copies a file of this host to the machine. */
  async copy(from: string, to: string): Promise<void> {
    await this.engine.docker('cp', from, `${this.#name}:${to}`)
  }

  /** Shuts the machine down in order and boots it anew. */
  async reboot(): Promise<void> {
    await this.engine.docker('stop', '-t', '60', this.#name)
    await this.#bootAgain()
  }

  /** Pulls the plug, and boots anew. */
  async crash(): Promise<void> {
    await this.engine.docker('kill', this.#name)
    await this.#bootAgain()
  }

  /** Waits until the machine has shut itself down, and boots it anew. */
  async rebootsItself(): Promise<void> {
    await this.engine.docker('wait', this.#name)
    await this.#bootAgain()
  }

  async #bootAgain(): Promise<void> {
    this.#newBootId()
    await this.engine.docker('start', this.#name)
    await this.#booted()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.engine[Symbol.asyncDispose]()
  }
}
