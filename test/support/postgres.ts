import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  globSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/edges.ts'
import { command } from './command.ts'
import { isAlive } from './processes.ts'
import { type Component, program, root } from './require.ts'

/** Debian keeps them off the PATH, by version; the newest. */
const binaries = globSync('/usr/lib/postgresql/*/bin').sort((a, b) => version(b) - version(a))[0]

function version(path: string): number {
  return Number(path.split('/')[4])
}

const installed: Component = {
  missing: binaries === undefined ? 'PostgreSQL (the package postgresql)' : undefined,
}

/** What a server cannot be started without; it refuses to run as root, so another user is needed. */
export const postgresNeeds: Component[] = [root, installed, program('setpriv')]

/**
 * A throw-away PostgreSQL on a loopback port, in a directory of its own. Everybody who can connect is let in, except
 * for the role `locked`, which has a password. Disposing of it proves that it is gone.
 */
export class PostgresServer implements AsyncDisposable {
  readonly port: number
  readonly #dir: string

  private constructor(dir: string, port: number) {
    this.#dir = dir
    this.port = port
  }

  static async start(): Promise<PostgresServer> {
    const dir = mkdtempSync(join(tmpdir(), 'runner-postgres-'))
    const [uid, gid] = ['-u', '-g'].map(option => Number(execFileSync('id', [option, 'postgres'])))
    chownSync(dir, uid!, gid!)
    chmodSync(dir, 0o700)
    const server = new PostgresServer(dir, await freePort())
    try {
      await server.#run(
        'initdb',
        '-D',
        server.#data,
        '-A',
        'trust',
        '-U',
        'postgres',
        '-E',
        'UTF8',
        '--locale=C',
        '-N',
      )
      const access = join(server.#data, 'pg_hba.conf')
      writeFileSync(access, `host all locked all scram-sha-256\n${readFileSync(access, 'utf8')}`)
      await server.startAgain()
      return server
    } catch (error) {
      await server[Symbol.asyncDispose]()
      throw error
    }
  }

  get #data(): string {
    return join(this.#dir, 'data')
  }

  /** The address of a database. */
  url(database = 'postgres', user = 'postgres'): string {
    return `postgres://${user}@127.0.0.1:${this.port}/${database}`
  }

  /** The address of a new, empty database. */
  async newDatabase(name: string): Promise<string> {
    await this.sql(`CREATE DATABASE ${name}`)
    return this.url(name)
  }

  /** Runs SQL as the superuser; gives what psql prints. */
  sql(text: string, database = 'postgres'): Promise<string> {
    return command(join(binaries!, 'psql'), [
      '-XAtq',
      '-v',
      'ON_ERROR_STOP=1',
      '-c',
      text,
      this.url(database),
    ])
  }

  /** The process that all others are children of; undefined where there is none. */
  get pid(): number | undefined {
    try {
      return Number(readFileSync(join(this.#data, 'postmaster.pid'), 'utf8').split('\n')[0])
    } catch {
      return undefined
    }
  }

  async startAgain(): Promise<void> {
    const options = `-p ${this.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=${this.#dir}`
    await this.#run('pg_ctl', '-w', '-D', this.#data, '-l', join(this.#dir, 'log'), '-o', options, 'start')
  }

  /** Ends it, and every connection; `immediate` is a crash. */
  async stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.#run('pg_ctl', '-w', '-D', this.#data, '-m', mode, 'stop')
  }

  /** Ends its first process as a crash of the machine would; the others notice, and go. */
  async kill(): Promise<void> {
    const { pid } = this
    if (pid === undefined) throw new Error('PostgreSQL does not run')
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
    process.kill(pid, 'SIGKILL')
    // A new one refuses to start beside them.
    while ([pid, ...children].some(isAlive)) await systemClock.sleep(0.01)
    // Where nobody has waited for it yet, a new one would take it for alive.
    for (const path of [join(this.#data, 'postmaster.pid'), join(this.#dir, `.s.PGSQL.${this.port}.lock`)])
      rmSync(path)
  }

  /** Writes a file into its data directory, or removes it. */
  async file(name: string, content: string | undefined): Promise<void> {
    const path = join(this.#data, name)
    if (content === undefined) return rmSync(path)
    writeFileSync(path, content)
    const { uid, gid } = statSync(this.#data)
    chownSync(path, uid, gid)
  }

  /** A program of PostgreSQL, as the user that it wants to be run by. */
  async #run(name: string, ...args: string[]): Promise<void> {
    const user = ['--reuid=postgres', '--regid=postgres', '--init-groups']
    await command('setpriv', [...user, join(binaries!, name), ...args])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid } = this
    if (pid !== undefined) await this.stop('immediate')
    rmSync(this.#dir, { recursive: true, force: true })
    if (pid !== undefined && isAlive(pid)) throw new Error(`PostgreSQL, process ${pid}, lives on`)
  }
}

/** A port on which nobody listens. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}
