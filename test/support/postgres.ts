import {
  chmodSync,
  chownSync,
  globSync,
  mkdirSync,
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
import { directoryPrefix } from './reaper.ts'
import { type Component, program, root } from './require.ts'
import { SmallDisk } from './small-disk.ts'

/** Debian keeps them off the PATH, by version; the newest. */
const binaries = globSync('/usr/lib/postgresql/*/bin').sort((a, b) => version(b) - version(a))[0]

function version(path: string): number {
  return Number(path.split('/')[4])
}

/** A program of that version. */
export const postgresProgram = (name: string): string => join(binaries ?? '', name)

const installed: Component = {
  missing: binaries === undefined ? 'PostgreSQL (the package postgresql)' : undefined,
}

/**
 * The components without which a server cannot be started. The server refuses to run as root, so another user
 * is needed.
 */
export const postgresNeeds: Component[] = [root, installed, program('setpriv')]

/**
 * The part of a server on a disk of its own (`disk`), which can be filled: all but its log of changes, or
 * that log alone.
 */
export type OnDisk = 'data' | 'wal'

/**
 * A throw-away PostgreSQL on a loopback port, in a directory of its own. Everybody who can connect is let in, except
 * for the role `locked`, which has a password. Disposing of it proves that it is gone.
 */
export class PostgresServer implements AsyncDisposable {
  readonly port: number
  /** Its disk, if it has one of its own. */
  readonly disk: SmallDisk | undefined
  readonly #dir: string
  readonly #data: string

  private constructor(dir: string, port: number, data = join(dir, 'data'), disk?: SmallDisk) {
    this.port = port
    this.disk = disk
    this.#dir = dir
    this.#data = data
  }

  /** One that another process has started, and ends, by its address. */
  static at(url: string): PostgresServer {
    return new PostgresServer('', Number(new URL(url).port))
  }

  static async start(on?: OnDisk): Promise<PostgresServer> {
    const dir = mkdtempSync(join(tmpdir(), directoryPrefix))
    const id = async (option: string) => Number(await command('id', [option, 'postgres']))
    const [user, group] = [await id('-u'), await id('-g')]
    chownSync(dir, user, group)
    chmodSync(dir, 0o700)
    const place = join(dir, 'disk')
    if (on !== undefined) mkdirSync(place)
    const disk = on === undefined ? undefined : await SmallDisk.over(place, '128m')
    if (disk !== undefined) chownSync(disk.seen(place), user, group)
    const data = join(on === 'data' ? place : dir, 'data')
    const server = new PostgresServer(dir, await freePort(), data, disk)
    try {
      const words = ['-D', server.#data, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C', '-N']
      if (on !== undefined) words.push('--wal-segsize=1', `--waldir=${on === 'wal' ? place : dir}/wal`)
      await server.#run('initdb', ...words)
      const access = server.#seen('pg_hba.conf')
      writeFileSync(access, `host all locked all scram-sha-256\n${readFileSync(access, 'utf8')}`)
      await server.startAgain()
      return server
    } catch (error) {
      await server[Symbol.asyncDispose]()
      throw error
    }
  }

  /** The path of a file in its data directory for this process. */
  #seen(name: string): string {
    const path = join(this.#data, name)
    return this.disk?.seen(path) ?? path
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

  /** Removes databases, and ends what is still connected to them. */
  async dropDatabases(names: readonly string[]): Promise<void> {
    await this.#psql(names.map(name => `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`))
  }

  /** Runs SQL as the superuser; gives what psql prints. */
  sql(text: string, database = 'postgres'): Promise<string> {
    return this.#psql([text], database)
  }

  #psql(texts: string[], database = 'postgres'): Promise<string> {
    const commands = texts.flatMap(text => ['-c', text])
    return command(postgresProgram('psql'), [
      '-XAtq',
      '-v',
      'ON_ERROR_STOP=1',
      ...commands,
      this.url(database),
    ])
  }

  /** The process that all others are children of; undefined where there is none. */
  get pid(): number | undefined {
    try {
      return Number(readFileSync(this.#seen('postmaster.pid'), 'utf8').split('\n')[0])
    } catch {
      return undefined
    }
  }

  /** Starts it, with these variables too. */
  async startAgain(env: Record<string, string> = {}): Promise<void> {
    // Its processes are killed, but not the machine: written bytes survive without a sync. It allows as many
    // connections as the files of a tier need that run at a time.
    const settings = ['fsync=off', 'max_connections=400', 'listen_addresses=127.0.0.1']
    // Else it may fail to start again a while after it has crashed.
    if (this.disk !== undefined) settings.push('restart_after_crash=off')
    const options = [`unix_socket_directories=${this.#dir}`, ...settings].map(setting => `-c ${setting}`)
    const log = ['-l', join(this.#dir, 'log')]
    await this.#runWith(env, 'pg_ctl', [
      '-w',
      '-D',
      this.#data,
      ...log,
      '-o',
      `-p ${this.port} ${options.join(' ')}`,
      'start',
    ])
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
    for (const path of [this.#seen('postmaster.pid'), join(this.#dir, `.s.PGSQL.${this.port}.lock`)])
      rmSync(path)
  }

  /** Begins a new timeline, as a restore to a point in time does: it stops, and is a standby that is made the first one. */
  async promote(): Promise<void> {
    await this.stop()
    await this.file('standby.signal', '')
    await this.startAgain()
    await this.#run('pg_ctl', '-w', '-D', this.#data, 'promote')
  }

  /** Writes a file into its data directory, or removes it. */
  async file(name: string, content: string | undefined): Promise<void> {
    const path = this.#seen(name)
    if (content === undefined) return rmSync(path)
    writeFileSync(path, content)
    const { uid, gid } = statSync(this.#seen(''))
    chownSync(path, uid, gid)
  }

  #run(name: string, ...args: string[]): Promise<void> {
    return this.#runWith({}, name, args)
  }

  /** Runs a program of PostgreSQL as the user that it wants to be run by, with these variables too. */
  async #runWith(env: Record<string, string>, name: string, args: string[]): Promise<void> {
    const user = ['--reuid=postgres', '--regid=postgres', '--init-groups']
    const variables = Object.entries(env).map(([variable, value]) => `${variable}=${value}`)
    const [first, ...words] = [
      ...(this.disk?.before ?? []),
      'setpriv',
      ...user,
      'env',
      ...variables,
      postgresProgram(name),
      ...args,
    ]
    await command(first!, words)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { pid } = this
    if (pid !== undefined) await this.stop('immediate')
    await this.disk?.[Symbol.asyncDispose]()
    rmSync(this.#dir, { recursive: true, force: true })
    if (pid !== undefined && isAlive(pid)) throw new Error(`PostgreSQL, process ${pid}, lives on`)
  }
}

/** A port on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  return port
}
