import type { Clock } from '../../edges.ts'
import type { Emit } from '../../event.ts'
import { openStateDir } from '../../journal/files.ts'
import { errorText } from '../../result.ts'
import { type Holder, type Lock, takeLock } from '../../system/lock.ts'

/** Seconds between two looks at a lock that is waited for. */
const lookEvery = 0.25

/** State directories and locks, opened once and held until the command ends, however many runs it makes. */
export class StatesAndLocks implements Disposable {
  readonly #clock: Clock
  readonly #emit: Emit
  readonly #states = new Map<string, string | undefined>()
  readonly #locks = new Map<string, Lock | undefined>()

  constructor(clock: Clock, emit: Emit) {
    this.#clock = clock
    this.#emit = emit
  }

  /** The state directory, or its substitute where it cannot be used; undefined where neither can. */
  state(wanted: string): string | undefined {
    if (this.#states.has(wanted)) return this.#states.get(wanted)
    const { path, problem } = openStateDir(wanted)
    this.#states.set(wanted, path)
    if (problem !== undefined) {
      const instead = path === undefined ? 'this run keeps no records' : `records go to ${path}`
      const message =
        `${problem}; nothing keeps another run from starting, and ${instead}; ` +
        'set state_dir in [runner] to a directory that can be used'
      this.#emit({ event: 'notice', reason: 'state-lost', message })
    }
    return path
  }

  /** The process that held the lock before this one, and was killed before it released the lock. */
  killedHolder(state: string, directory: string): Holder | undefined {
    return this.#locks.get(JSON.stringify([state, directory]))?.killed
  }

  /**
   * Takes the lock of a task directory. Resolves to a message about the holder, or to nothing when the lock
   * is taken; with `wait`, when that aborts or the lock is free.
   */
  async lock(
    state: string,
    directory: string,
    me: Omit<Holder, 'since'>,
    wait: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const key = JSON.stringify([state, directory])
    for (let waiting = false; !this.#locks.has(key); ) {
      try {
        const taken = takeLock(state, directory, { ...me, since: this.#clock.now().toISOString() })
        if (taken.ok) this.#locks.set(key, taken.value)
        else {
          const { pid, since } = taken.failure ?? {}
          const who = pid === undefined ? 'another process' : `process ${pid} since ${since}`
          const message = `another run of ${directory} is under way, by ${who}`
          if (wait === undefined) return `${message}; --wait waits for its end`
          if (!waiting)
            this.#emit({
              event: 'notice',
              reason: 'waiting-for-lock',
              message: `${message}; waiting for its end`,
            })
          waiting = true
          await this.#clock.sleep(lookEvery, wait)
          if (wait.aborted) return message
        }
      } catch (error) {
        const message = `nothing keeps another run of ${directory} from starting: ${errorText(error)}`
        this.#emit({ event: 'notice', reason: 'lock-lost', message })
        this.#locks.set(key, undefined)
      }
    }
    return undefined
  }

  [Symbol.dispose](): void {
    for (const lock of this.#locks.values()) lock?.releaseKeepingNote()
  }
}
