import type { Clock } from '../../edges.ts'
import type { AuditRow } from '../../store/rows.ts'
import type { Store } from '../../store/store.ts'
import { waitAfter } from '../../system/backoff.ts'
import { aborted, Notifier } from '../../system/wait.ts'

/** Passes entries on, the oldest first; gives the problem where it is not sure that all have arrived. */
export type PassOn = (entries: readonly AuditRow[]) => Promise<string | undefined>

/** The number of entries that are passed on together. */
const most = 100
/** Seconds between two times: entries that come together are passed on together. */
const every = 1

/** The name under which the store has the number of the latest entry that was passed on. */
const passedKey = 'audit.passed-on'

export interface AuditExportParts {
  store: Store
  clock: Clock
  passOn: PassOn
  /** Called when passing on begins to fail, and when it works again (undefined). */
  tell: (problem: string | undefined) => void
  failed: (error: unknown) => void
}

/**
 * Passes the entries of the audit log on to another place once they are committed. Entries that the place
 * does not take are sent again, after a restart too, so an entry arrives at least once; no call waits for it.
 */
export class AuditExport {
  readonly #parts: AuditExportParts
  readonly #added = new Notifier()
  /** The number of the latest entry that was passed on; undefined: not known yet. */
  #passed: number | undefined
  #failures = 0

  constructor(parts: AuditExportParts) {
    this.#parts = parts
  }

  /** There are more entries. */
  wake(): void {
    this.#added.notify()
  }

  /** Passes on whatever comes; resolves when `stop` has aborted and nothing is under way. */
  async run(stop: AbortSignal): Promise<void> {
    const { clock } = this.#parts
    while (!stop.aborted) {
      const { notified } = this.#added
      if (await this.passOnAll()) {
        const over = new AbortController()
        await Promise.race([notified, aborted(stop, over.signal)])
        over.abort()
        await clock.sleep(every, stop)
      } else await clock.sleep(waitAfter(this.#failures, 0), stop)
    }
  }

  /** Passes on what is there; says whether that was all. */
  async passOnAll(): Promise<boolean> {
    try {
      while (await this.#passOnSome());
      if (this.#failures > 0) this.#parts.tell(undefined)
      this.#failures = 0
      return true
    } catch (error) {
      this.#failures++
      if (!(error instanceof NotTaken)) this.#parts.failed(error)
      else if (this.#failures === 1) this.#parts.tell(error.message)
      return false
    }
  }

  /** Whether there was something to pass on. */
  async #passOnSome(): Promise<boolean> {
    const { store, passOn } = this.#parts
    const rows = await store.read(async tx => {
      this.#passed ??= Number((await tx.meta(passedKey)) ?? 0)
      return tx.auditAfter(this.#passed, most, id => ({ unreadable: Number(id) }))
    })
    const last = rows.at(-1)
    if (last === undefined) return false
    const problem = await passOn(rows.flatMap(row => ('unreadable' in row ? [] : row)))
    if (problem !== undefined) throw new NotTaken(problem)
    const passed = 'unreadable' in last ? last.unreadable : last.number
    this.#passed = passed
    await store.write(async tx => tx.setMeta(passedKey, String(passed)), { durable: false })
    return true
  }
}

/** The other place did not take entries. */
class NotTaken extends Error {}
