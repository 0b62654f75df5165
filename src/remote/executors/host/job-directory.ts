/*
 * The directory of one host job. It is all that a runner, the runner after it and the job's supervisor share.
 *
 *   order.json     the program and its limits          written by runner before the start
 *   files/         input and output; the job's own     the job may do anything in it
 *   log            the job's output                    appended by the supervisor
 *   ordered        a supervisor may begin              made by runner right before it starts one
 *   begun.json     the claim                           made by exactly one process, by link(2)
 *   leader.json    the pid of the job                  written by the supervisor
 *   stop           the job is to end                   made by runner
 *   exit.json      how the job ended                   written by rename when nothing of the job lives
 *
 * The process that makes `begun.json` decides whether the job starts. The supervisor makes it before it
 * starts the program; a runner that gives the job up makes it so that a late supervisor starts nothing. So a
 * job starts once or never.
 */
import {
  closeSync,
  existsSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { errorCode } from '../../../result.ts'
import { readBootId } from '../../../system/boot-id.ts'
import { writeDurably, writeFirst } from '../../../system/durable-file.ts'
import { isZombie, startTicks } from '../../../system/proc.ts'
import type { JobResources } from '../executor.ts'

/** The order for a supervisor. */
export interface HostOrder {
  format: 1
  /** 128 random bits, which every process of the job carries as RUNNER_TRY_ID. */
  nonce: string
  words: [string, ...string[]]
  env: Record<string, string>
  /** Absent: the user of the supervisor. */
  user?: { uid: number; gid: number } | undefined
  /** Seconds; 0: no limit. */
  limit: number
  /** Seconds between the signal and SIGKILL. */
  grace: number
  /** The number of the abort signal. */
  signal: number
  /** The systemd unit of the job; absent without systemd. */
  unit?: string | undefined
}

/** Names a process so that no later process is taken for it. */
export interface ProcessRef {
  pid: number
  /** Clock ticks since boot. */
  ticks: string
  boot_id: string
}

/** The process that decided whether the job starts: a supervisor starts it, a runner gives it up. */
export type Claim = { by: 'supervisor'; supervisor: ProcessRef; at: string } | { by: 'runner' }

/** The end of a job. */
export interface HostExit {
  /** The exit status as in the shell: 128 plus the number of the signal for a job that a signal ended. */
  code: number
  /** The first reason. `lost`: the supervisor died before the job ended, and runner wrote this file. */
  why: 'exit' | 'limit' | 'stop' | 'disk' | 'lost'
  /** Why the job was lost. */
  message?: string
  /** The grace ran out, and the job got SIGKILL. */
  killed: boolean
  /** The program could not be started; the log says why. */
  refused: boolean
  /** Processes of the job that outlived SIGKILL. */
  left: number
  /** Absent: nothing counts that for the job. */
  used?: JobResources
  /** RFC 3339, UTC. */
  started_at: string
  at: string
}

export class JobDirectory {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  /** The directory that belongs to the job. */
  get files(): string {
    return join(this.path, 'files')
  }

  get log(): string {
    return join(this.path, 'log')
  }

  get #stop(): string {
    return join(this.path, 'stop')
  }

  /** Undefined if the file is missing or incomplete. */
  get order(): HostOrder | undefined {
    return this.#read<HostOrder>('order.json')
  }

  get claim(): Claim | undefined {
    return this.#read<Claim>('begun.json')
  }

  get leader(): ProcessRef | undefined {
    return this.#read<ProcessRef>('leader.json')
  }

  get exit(): HostExit | undefined {
    return this.#read<HostExit>('exit.json')
  }

  get stopAsked(): boolean {
    return existsSync(this.#stop)
  }

  /** Whether a supervisor may have been started. */
  get isOrdered(): boolean {
    return existsSync(join(this.path, 'ordered'))
  }

  /** Throws system errors. */
  writeOrder(order: HostOrder): void {
    writeFirst(join(this.path, 'order.json'), JSON.stringify(order))
  }

  /** Throws system errors. */
  markOrdered(): void {
    writeFirst(join(this.path, 'ordered'), '')
  }

  /** Removes the order at the end of the job, since it has the job's secrets. */
  removeOrder(): void {
    rmSync(join(this.path, 'order.json'), { force: true })
  }

  /** Makes the claim; false if another process has made it already. Throws other system errors. */
  makeClaim(claim: Claim): boolean {
    const draft = join(this.path, `begun.${process.pid}.${claim.by}`)
    writeFileSync(draft, JSON.stringify(claim), { mode: 0o600 })
    try {
      linkSync(draft, join(this.path, 'begun.json'))
      return true
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false
      throw error
    } finally {
      rmSync(draft, { force: true })
    }
  }

  writeLeader(leader: ProcessRef): void {
    const draft = join(this.path, 'leader.new')
    writeFileSync(draft, JSON.stringify(leader), { mode: 0o600 })
    renameSync(draft, join(this.path, 'leader.json'))
  }

  /** Throws system errors. */
  writeExit(exit: HostExit): void {
    writeDurably(join(this.path, 'exit.json'), JSON.stringify(exit))
  }

  /** Asks the supervisor to end the job; a second call changes nothing. Throws system errors. */
  askToStop(): void {
    closeSync(openSync(this.#stop, 'a', 0o600))
  }

  #read<T>(name: string): T | undefined {
    try {
      return JSON.parse(readFileSync(join(this.path, name), 'utf8')) as T
    } catch {
      return undefined
    }
  }
}

/** Names a process of this boot. */
export function refOf(pid: number): ProcessRef {
  return { pid, ticks: startTicks(pid), boot_id: readBootId() }
}

/** Whether a process still runs: a zombie does not, and neither does a process of another boot. */
export function isAlive({ pid, ticks, boot_id }: ProcessRef): boolean {
  return boot_id === readBootId() && ticks !== '' && startTicks(pid) === ticks && !isZombie(pid)
}
