/* The exchange directories of the jobs of one container, and their logs beside them. */
import {
  chmodSync,
  constants,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import type { Chance } from '../../../edges.ts'
import { fail, ok, type Result } from '../../../result.ts'
import { removeTree } from '../../../system/remove-tree.ts'
import { pathPart } from '../../path-part.ts'
import type { Failure } from '../executor.ts'
import { type DirectoryIdentity, ExchangeDir } from '../handover/exchange-dir.ts'
import { toFailure } from './failure.ts'
import { parkedName } from './kept-files.ts'
import type { Order } from './orders.ts'
import type { DockerPlace } from './state.ts'
import { pluginFolder } from './staying-plugins.ts'

/** The mode of the directory with the exchange directories: a job can read it and not write to it. */
export const jobsMode = 0o755
/** The size of the blanks in `exit`, in bytes: more than an exit needs. */
const roomForExit = 120

export class JobDirectories {
  readonly #directory: string
  readonly #runnerId: string
  readonly #chance: Chance

  /** `directory`: that of the container. */
  constructor(directory: string, runnerId: string, chance: Chance) {
    this.#directory = directory
    this.#runnerId = runnerId
    this.#chance = chance
  }

  /** The directories in which all of it lies. */
  get paths(): string[] {
    return [this.#jobs, this.#logs]
  }

  get #jobs(): string {
    return join(this.#directory, 'jobs')
  }

  #pathOf(jobId: string): string {
    return join(this.#jobs, pathPart(jobId))
  }

  /**
   * The path of a job's log outside of the container, so that a job cannot put another file in the place of
   * the log that the pump of the supervisor writes.
   */
  #logOf(jobId: string): string {
    return join(this.#logs, pathPart(jobId))
  }

  get #logs(): string {
    return join(this.#directory, 'logs')
  }

  /** Makes the exchange directory of a job. Throws system errors. */
  make(order: Order): ExchangeDir {
    const exchange = ExchangeDir.make(this.#jobs, order.id)
    exchange.write('order', order.program, 0o644)
    if (order.input !== undefined) exchange.write('input', order.input, 0o644)
    if (order.invitation !== undefined) {
      exchange.write('secret', order.invitation.secret, 0o644)
      exchange.write('key', order.invitation.key, 0o644)
    }
    // The supervisor opens the log and removes this name before the job starts.
    exchange.write('log', '', 0o666)
    linkSync(join(exchange.path, 'log'), this.#logOf(order.id))
    // The blanks reserve the space of the exit on a disk that fills up.
    exchange.write('exit', `${' '.repeat(roomForExit)}\n`, 0o666)
    return exchange
  }

  /** Makes the folder of plugins that stay, and returns its path. Throws system errors. */
  makeForPlugins(): string {
    const path = join(this.#jobs, pluginFolder)
    mkdirSync(path)
    chmodSync(path, 0o777)
    return path
  }

  /** Makes the directory through which a sweep is answered. Throws system errors. */
  makeForSweep(id: string): ExchangeDir {
    return ExchangeDir.make(this.#jobs, id)
  }

  /** Opens the exchange directory of a job that this process or an earlier one has placed. */
  open(jobId: string, { leaf }: DockerPlace): Result<ExchangeDir, Failure> {
    const exchange = ExchangeDir.open(this.#pathOf(jobId), leaf)
    return exchange.ok
      ? exchange
      : fail(toFailure('executor-lost', 'the directory of the job is not there any more'))
  }

  /** Opens the log of a job for reading; the caller closes it. */
  openLog(jobId: string, exchange: ExchangeDir): Result<number, unknown> {
    try {
      return ok(openSync(this.#logOf(jobId), constants.O_RDONLY | constants.O_NOFOLLOW))
    } catch {
      // An earlier release made no such link, or an earlier process was about to move the directory away.
      return exchange.openFile('log')
    }
  }

  /**
   * Moves the log into the exchange directory, and the directory to `path`, which no container sees. Throws
   * if that fails (EXDEV: `path` is on another disk), or if another directory has taken its place.
   */
  take(jobId: string, identity: DirectoryIdentity, path: string): void {
    const here = this.#pathOf(jobId)
    const opened = ExchangeDir.open(here, identity)
    if (!opened.ok) throw new Error(`the directory of ${jobId} is not what it was`)
    using exchange = opened.value
    const log = this.#logOf(jobId)
    if (existsSync(log)) {
      const inside = join(exchange.path, 'log')
      // The job may have made a file of any kind under that name.
      if (lstatSync(inside, { throwIfNoEntry: false }) !== undefined)
        renameSync(inside, join(exchange.path, this.#chance.id()))
      renameSync(log, inside)
    }
    renameSync(here, path)
  }

  /**
   * The path of the parked directory of a job: on the disk of the container's directory, and seen by no
   * container.
   */
  parking(jobId: string): string {
    return join(dirname(this.#directory), `${this.#runnerId}${parkedName(pathPart(jobId))}`)
  }

  /**
   * Removes the exchange directory of a job that was never started. False: it was not there, or could not be
   * removed completely.
   */
  async remove(jobId: string, identity: DirectoryIdentity): Promise<boolean> {
    // It is moved away first: a process in the container could put a link in its place while it is being
    // removed.
    const away = join(this.#directory, this.#chance.id())
    try {
      this.take(jobId, identity, away)
    } catch {
      return false
    }
    return (await removeTree(away)).ok
  }

  /** Whether all is as it was before the first job. Throws system errors. */
  isClean(): boolean {
    const { mode } = lstatSync(this.#jobs)
    if ((mode & 0o7777) !== jobsMode) return false
    // A job may have moved its own directory to another name.
    const plugins = join(this.#jobs, pluginFolder)
    const left = this.paths.flatMap(folder => readdirSync(folder).map(name => join(folder, name)))
    return left.every(path => path === plugins && readdirSync(plugins).length === 0)
  }
}
