import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defined, errorText, fail, ok, type Result } from '../../../result.ts'
import { ifThere } from '../../../system/if-there.ts'
import { removeTree } from '../../../system/remove-tree.ts'
import type { ExecutorJob, Failure, JobHandle, JobState, Placed, Slot, SlotRef } from '../executor.ts'
import { HostHandle, hostKey } from './handle.ts'
import { type HostOrder, JobDirectory } from './job-directory.ts'
import { orderOf } from './job-order.ts'
import type { HostOptions } from './options.ts'
import { type HostPaths, makePassable, stateOf } from './paths.ts'

const gone: Failure = { reason: 'executor-lost', message: 'the slot is gone', retry: 'soon' }

/** A slot on a host: a directory for one job at a time. No process runs in it between jobs. */
export class HostSlot implements Slot {
  readonly ref: SlotRef
  readonly #options: HostOptions
  readonly #paths: HostPaths
  readonly #ephemeral: boolean

  constructor(options: HostOptions, paths: HostPaths, id: string, ephemeral: boolean) {
    this.ref = { id, key: hostKey }
    this.#options = options
    this.#paths = paths
    this.#ephemeral = ephemeral
  }

  get alive(): boolean {
    return existsSync(this.#paths.jobs(this.ref.id))
  }

  get reusable(): boolean {
    return !this.#ephemeral && !existsSync(this.#paths.spoiled(this.ref.id))
  }

  async place(job: ExecutorJob, keptDir: string): Promise<Result<Placed, Failure>> {
    const { launcher, edges, user } = this.#options
    if (user !== 'own' && user.uid === process.geteuid?.()) return fail(ownUser)
    const nonce = edges.chance.id()
    const unit = launcher.unitOf(nonce)
    const directory = new JobDirectory(this.#paths.job(this.ref.id, job.id))
    const order = orderOf(job, {
      nonce,
      files: directory.files,
      unit,
      user: user === 'own' ? undefined : user,
    })
    if (!order.ok) return order
    if (!this.alive) return fail(gone)
    try {
      makeFiles(directory, order.value, job.plugin?.input)
    } catch (error) {
      const message = `the job's files cannot be made: ${errorText(error)}`
      return fail({ reason: 'spool-lost', message, retry: 'soon' })
    }
    const state = stateOf({ slot_id: this.ref.id, job_id: job.id, nonce, ...defined({ unit }) })
    return ok({
      state,
      start: () => this.#start(directory, order.value, state, keptDir),
      takeBack: async () => {
        try {
          return directory.makeClaim({ by: 'runner' }) && (await removeTree(directory.path)).ok
        } catch {
          return false
        }
      },
    })
  }

  async #start(
    directory: JobDirectory,
    order: HostOrder,
    state: JobState,
    keptDir: string,
  ): Promise<Result<JobHandle, Failure>> {
    const { launcher, supervisor } = this.#options
    const notStarted = (message: string) =>
      fail({ reason: 'executor-not-started' as const, message, retry: 'soon' as const })
    try {
      directory.markOrdered()
      const words: [string, ...string[]] = [...supervisor, directory.path]
      const launched = await launcher.launch({ words, unit: order.unit, grace: order.grace })
      // The call may have started the supervisor although it failed, so the claim decides.
      if (!launched.ok && directory.makeClaim({ by: 'runner' })) return notStarted(launched.failure)
    } catch (error) {
      return notStarted(errorText(error))
    }
    return ok(new HostHandle(this.#options, this.#paths, state, keptDir))
  }

  async clean(): Promise<'clean' | 'spoiled'> {
    const jobs = ifThere(() => readdirSync(this.#paths.jobs(this.ref.id)))
    return this.reusable && jobs?.length === 0 ? 'clean' : 'spoiled'
  }
}

const ownUser: Failure = {
  reason: 'job-invalid',
  message: "a job does not run as runner's own user unless the configuration says so",
  retry: 'never',
}

/** Throws system errors. */
function makeFiles(directory: JobDirectory, order: HostOrder, input: string | undefined): void {
  makePassable(directory.path)
  mkdirSync(directory.files, { mode: 0o700 })
  writeFileSync(directory.log, '', { mode: 0o600 })
  const path = join(directory.files, 'input')
  if (input !== undefined) writeFileSync(path, input, { mode: 0o600 })
  if (order.user !== undefined) {
    const { uid, gid } = order.user
    if (input !== undefined) chownSync(path, uid, gid)
    chownSync(directory.files, uid, gid)
  }
  chmodSync(directory.files, 0o700)
  directory.writeOrder(order)
}
