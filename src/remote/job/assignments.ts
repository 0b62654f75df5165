import { randomBytes } from 'node:crypto'
import type { Reuse } from '../../config/sections/executor.ts'
import { judgePayload } from '../../protocol/client/answers.ts'
import { mostSecretBytes } from '../../protocol/mask/mask.ts'
import { secretsOfInput } from '../../protocol/mask/secrets.ts'
import type { InputContext } from '../../protocol/messages/jobs.ts'
import type { Reservation, SecretValues } from '../../protocol/messages/reservations.ts'
import { unseal } from '../../protocol/seal.ts'
import { defined, errorText, fail, ok, type Result } from '../../result.ts'
import type { RunnerContext } from '../context.ts'
import { Reminder } from '../reminder.ts'
import { Assignment } from './assignment.ts'
import type { Beginning } from './assignment-state.ts'
import type { AssignedJob, Lease } from './job.ts'
import { reuseKeyOf } from './reuse-key.ts'
import type { Spool } from './spool.ts'
import type { SpooledExecution } from './spooled-execution.ts'

/** The properties of jobs that this runner decides, not the server. */
export interface JobDefaults {
  runner_group: string
  release_url: string
  reuse: Reuse
}

/** All executions that this process has to do with. */
export class Assignments {
  readonly #context: RunnerContext
  readonly #spool: Spool
  readonly #defaults: JobDefaults
  readonly #all = new Map<string, Assignment>()
  readonly #unknown = new Set<string>()
  readonly #reminder: Reminder
  /** Executions of the spool that are not taken up yet; the runner holds them all the same. */
  #waiting: readonly string[] = []
  /**
   * Executions of the spool that a newer release has written; the runner holds them and leaves them alone.
   */
  #newer: readonly string[] = []

  constructor(context: RunnerContext, spool: Spool, defaults: JobDefaults) {
    this.#context = context
    this.#reminder = new Reminder(context.edges)
    this.#spool = spool
    this.#defaults = defaults
  }

  get all(): readonly Assignment[] {
    return [...this.#all.values()]
  }

  /** The ids of what is held, as heartbeats list them. */
  get held(): string[] {
    const own = this.all.filter(assignment => assignment.isHeld).map(({ id }) => id)
    return [...new Set([...own, ...this.#waiting, ...this.#newer])]
  }

  /** The digests of images that the server wants to know, by execution. */
  get imageDigests(): Record<string, string> {
    const known = this.all
      .filter(one => one.isHeld)
      .map(({ id, execution }) => [id, execution.imageDigest] as const)
    return Object.fromEntries(known.filter((one): one is [string, string] => one[1] !== undefined))
  }

  /** The executions that are held and cannot be started yet, with the reasons. */
  get notStarted(): [id: string, why: string][] {
    return this.all.flatMap(({ id, isHeld, notStarted }) =>
      isHeld && notStarted !== undefined ? [[id, notStarted]] : [],
    )
  }

  /** Names what recovery will take up; until then it is held. */
  await(ids: readonly string[]): void {
    this.#waiting = ids
  }

  /** Names what nothing is done with: it is held, and takes its place. */
  leaveAlone(ids: readonly string[]): void {
    this.#newer = [...this.#newer, ...ids]
  }

  /** Jobs that could be taken right now. */
  get freeSlots(): number {
    const { host, disk, settings } = this.#context
    const capacity = settings()?.capacity ?? 0
    const { runtime } = host
    if (runtime === undefined || (host.problem ?? disk.problem) !== undefined) return 0
    const slots = runtime.pool.slots.filter(({ state }) => ['starting', 'busy', 'stopping'].includes(state))
    const without = this.all.filter(one => one.takesSlot && !one.hasSlot).length
    // One that is opened for an assignment is counted with that.
    const starting = slots.filter(({ state }) => state === 'starting').length
    const taken = slots.length - starting + Math.max(without, starting)
    return Math.max(0, capacity - this.#waiting.length - this.#newer.length - taken)
  }

  /**
   * The number of jobs that must end before a drain is over: jobs in a slot, and jobs whose end the server
   * does not know yet.
   */
  get open(): number {
    return this.#all.size + this.#waiting.length + this.#newer.length
  }

  /** Takes what the server hands out; false: it could not, and the same would be handed out again at once. */
  accept(reservation: Reservation): boolean {
    const { execution_id: id, lease_id, job_name, kind, attempt } = reservation
    const lease: Lease = { lease_id, job_name }
    const known = this.#all.get(id)
    if (known !== undefined) {
      known.renew(lease)
      return true
    }
    const held = this.all.filter(one => one.takesSlot).length
    if (held >= (this.#context.settings()?.capacity ?? 0) + mostBeyond)
      return this.#decline(id, `${held} executions are held already, more than its capacity`)
    const job = this.#jobOf(reservation)
    // Sealed for another session: it will be handed out again.
    if (!job.ok) return this.#decline(id, job.failure)
    let execution: SpooledExecution
    try {
      execution = this.#spool.add(job.value, lease)
    } catch (error) {
      return this.#decline(id, `its record cannot be put on disk: ${errorText(error)}`)
    }
    const ref = { execution_id: id, job_name, image: job.value.image }
    this.#context.emit({ event: 'job:accepted', ...ref, kind, attempt })
    this.begin(execution, lease, { at: execution.end === undefined ? 'confirming' : 'delivering' })
    return true
  }

  #decline(id: string, why: string): false {
    if (this.#reminder.isDue(why))
      this.#context.emit({ event: 'notice', message: `execution ${id} is not taken: ${why}` })
    return false
  }

  /** Takes an execution up where it is. */
  begin(execution: SpooledExecution, lease: Lease, beginning: Beginning): Assignment {
    const assignment = new Assignment(execution, lease, beginning, this.#context)
    this.#add(assignment)
    return assignment
  }

  #add(assignment: Assignment): void {
    const { id } = assignment
    this.#all.set(id, assignment)
    const done = () => {
      this.#all.delete(id)
      this.#context.changed.notify()
    }
    assignment.over.then(done, error => {
      done()
      throw error
    })
    this.#context.changed.notify()
  }

  abort(ids: readonly string[]): void {
    for (const id of ids) this.#all.get(id)?.abort()
  }

  /** The leases of those that were confirmed before that have ended. */
  endLost(before: number): void {
    for (const one of this.all) if (one.isHeld && one.confirmedAt < before) one.abort('lease-lost')
  }

  /** The server has these as queued, and asks whether they are this runner's. */
  confirmAgain(ids: readonly string[]): void {
    for (const id of ids) this.#all.get(id)?.confirmAgain()
  }

  drop(ids: readonly string[], message: string): void {
    for (const id of ids) this.#all.get(id)?.drop(message)
  }

  /** The server has never heard of these: they run on, and their results are kept. */
  unknown(ids: readonly string[]): void {
    for (const id of ids) {
      if (this.#unknown.has(id)) continue
      this.#unknown.add(id)
      const message =
        `the server does not know execution ${id}, perhaps because it was restored from a backup; ` +
        'it runs on, and its result is kept'
      this.#context.emit({ event: 'notice', message })
    }
    for (const id of this.#unknown) if (!ids.includes(id)) this.#unknown.delete(id)
  }

  /** Settles when no confirm is under way, or after so many seconds. */
  async confirmed(seconds: number): Promise<void> {
    const { edges, changed } = this.#context
    const late = new AbortController()
    const end = edges.clock.sleep(seconds, late.signal).then(() => true)
    while (this.all.some(({ phase }) => phase === 'confirming'))
      if (await Promise.race([changed.notified.then(() => false), end])) break
    late.abort()
  }

  /** Settles when no execution is left. */
  async idle(): Promise<void> {
    while (this.#all.size > 0)
      await Promise.race([this.#context.changed.notified, ...this.all.map(one => one.over)])
  }

  /** Opens a reservation. */
  #jobOf(reservation: Reservation): Result<AssignedJob, string> {
    const { signed } = this.#context.api
    const settings = this.#context.settings()
    if (signed === undefined || settings === undefined) return fail('the runner is not registered')
    const size = sizeOf(reservation)
    if (size > mostCharacters)
      return fail(`its command and variables have ${size} characters, and ${mostCharacters} are the most`)
    const input = opened<InputContext>('input', reservation.input, signed.data_key)
    if (!input.ok) return input
    const secret = opened<SecretValues>('secret_values', reservation.secret_values, signed.data_key)
    if (!secret.ok) return secret
    const secrets = [...(secret.value?.mask ?? []), ...Object.values(secret.value?.env ?? {})]
    const all = new Set(input.value === undefined ? secrets : [...secrets, ...secretsOfInput(input.value)])
    const bytes = [...all].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
    if (bytes > mostSecretBytes)
      return fail(`its secrets have ${bytes} bytes, too many to be masked: ${mostSecretBytes} are the most`)
    const { image_digest, command, args, abort_signal } = reservation
    const reuse_key = reuseKeyOf(this.#defaults.reuse, reservation)
    return ok({
      execution_id: reservation.execution_id,
      kind: reservation.kind,
      image: reservation.image,
      runner_group: this.#defaults.runner_group,
      ...defined({ image_digest, reuse_key, command, args, abort_signal, input: input.value }),
      env: reservation.env ?? {},
      secret_env: secret.value?.env ?? {},
      secrets: secret.value?.mask ?? [],
      session_key: input.value === undefined ? '' : randomBytes(32).toString('base64'),
      release_url: this.#defaults.release_url,
      max_time_seconds: reservation.max_time_seconds ?? 0,
      abort_timeout_seconds: reservation.abort_timeout_seconds,
      max_output_bytes: settings.max_output_bytes,
      log_limit: this.#context.logLimit,
    })
  }
}

/**
 * Executions that may wait beyond the capacity: scripts, and what was handed out before that was made
 * smaller.
 */
const mostBeyond = 100

/** More than any server takes of a job. */
const mostCharacters = 16 * 1024 ** 2

/** Characters of what a job is given to run. */
function sizeOf({ command = [], args = [], env = {} }: Reservation): number {
  return [...command, ...args, ...Object.entries(env).flat()].reduce((sum, text) => sum + text.length, 0)
}

/** Opens and judges a sealed text; undefined if there was none. */
function opened<T>(
  name: 'input' | 'secret_values',
  sealed: string | null,
  key: Uint8Array,
): Result<T | undefined, string> {
  if (sealed === null) return ok(undefined)
  const bytes = unseal(sealed, key)
  if (!bytes.ok) return fail('its secrets cannot be opened with the data key of this session')
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.value)
  } catch {
    return fail(`its ${name} is not text in UTF-8`)
  }
  const judged = judgePayload<T>(name, text)
  return judged.ok ? judged : fail(`its ${name} is not usable: ${judged.failure}`)
}
