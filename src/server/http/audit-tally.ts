import type { AuditFacts } from '../../protocol/audit-chain.ts'

/** Calls that change nothing, and are in the audit log all the same. */
export type TalliedKind = 'login' | 'refused' | 'read'

/**
 * The number of entries of one key (an address, or a token) that are written in a minute as they come, and
 * the number of keys in a minute: all further keys share one.
 */
const limits: Record<TalliedKind, { own: number; keys: number }> = {
  login: { own: 1, keys: 20 },
  refused: { own: 20, keys: 100 },
  read: { own: 1, keys: 100 },
}

/** The entries of one key in this minute. */
interface Count {
  left: number
  /** Those that have no entry of their own. */
  more: number
  last: AuditFacts
}

/**
 * Keeps a flood of calls from filling the audit log: beyond the first ones of a minute they become one entry,
 * which has the facts of the last and their number.
 */
export class AuditTally {
  #counts = new Map<string, Count>()
  readonly #keys: Record<TalliedKind, number> = { login: 0, refused: 0, read: 0 }

  /** Whether an entry is to be written now; else it is counted. */
  takes(kind: TalliedKind, key: string, facts: AuditFacts): boolean {
    const { own, keys } = limits[kind]
    const [name, last, left] =
      this.#counts.has(`${kind} ${key}`) || this.#keys[kind] < keys
        ? [`${kind} ${key}`, facts, own]
        : [kind, shared(facts), 0]
    let count = this.#counts.get(name)
    if (count === undefined) {
      count = { left, more: 0, last }
      this.#counts.set(name, count)
      if (name !== kind) this.#keys[kind]++
    }
    if (count.left > 0) {
      count.left--
      return true
    }
    count.more++
    count.last = last
    return false
  }

  /** Ends the minute: the entries of all that has been counted. While a flood goes on, it has only these. */
  endMinute(): AuditFacts[] {
    const counts = [...this.#counts].filter(([, { more }]) => more > 0)
    this.#counts = new Map(counts.map(([name, { last }]) => [name, { left: 0, more: 0, last }]))
    for (const kind of Object.keys(limits) as TalliedKind[])
      this.#keys[kind] = counts.filter(([name]) => name.startsWith(`${kind} `)).length
    return counts.map(([, { last, more }]) => ({ ...last, count: more }))
  }
}

/** The facts that the last of many calls by many has in common with the others. */
function shared(facts: AuditFacts): AuditFacts {
  return {
    ...facts,
    token_id: null,
    token_name: null,
    token_kind: null,
    address: null,
    path: null,
    object: null,
  }
}
