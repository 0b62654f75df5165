/*
 * The hash chain of the audit log: each entry has the hash of the entry before it and its own. So a reader of
 * the whole log finds every entry that was changed, removed or inserted.
 */
import { rawNumber } from './exact-json.ts'
import type { AuditEntry, ChainEnd } from './messages/audit.ts'

/** The place before the first entry. */
export const chainStart: ChainEnd = { number: 0, hash: '0'.repeat(64) }

/** JSON in the one form that equal values share (RFC 8785): names in order, no blanks. */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (rawNumber(value) !== undefined) return JSON.stringify(value)
  const object = value as Readonly<Record<string, unknown>>
  let text = ''
  // Each change waits for this: pieces of a text are put together much faster than lists of fields.
  for (const name of namesOf(object)) {
    const part = object[name]
    if (part === undefined) continue
    text += `${text === '' ? '{' : ','}${quoted(name)}:${canonicalJson(part)}`
  }
  return text === '' ? '{}' : `${text}}`
}

/**
 * The names of an object in the order of their UTF-16 code units, as the RFC demands and JavaScript compares.
 */
function namesOf(object: object): string[] {
  const names = Object.keys(object)
  for (let at = 1; at < names.length; at++) if (names[at]! < names[at - 1]!) return names.sort()
  return names
}

/** Texts that JSON writes as they are. */
const plain = /^[\w .:/-]*$/

const quoted = (text: string): string => (plain.test(text) ? `"${text}"` : JSON.stringify(text))

/** The hash of an entry, whatever its own field `hash` says. */
export const hashOfEntry = (entry: Omit<AuditEntry, 'hash'> & { hash?: string }): string =>
  sha256(canonicalJson({ ...entry, hash: undefined, problem: undefined }))

const sha256 = (text: string): string => process.getBuiltinModule('node:crypto').hash('sha256', text)

/** An entry before it has its place in the chain. */
export type AuditFacts = Omit<AuditEntry, 'number' | 'at' | 'previous' | 'hash' | 'problem'>

/** The entry behind another one. */
export function entryAfter(end: ChainEnd, at: string, facts: AuditFacts): Omit<AuditEntry, 'problem'> {
  const { address, after, before, browser_session, call, count, method, namespace, object, path } = facts
  const { reason, request_id, status, token_id, token_kind, token_name } = facts
  const rest = {
    ...(browser_session === undefined ? {} : { browser_session }),
    call,
    count,
    method,
    namespace,
    number: end.number + 1,
    object,
    path,
    previous: end.hash,
    reason,
    request_id,
    status,
    token_id,
    token_kind,
    token_name,
  }
  // Each change waits for this. The names above are in the order of canonical JSON and their values are not
  // objects: so JSON.stringify writes them alike, and much faster.
  const first = `"address":${JSON.stringify(address)},"after":${canonicalJson(after)}`
  const text = `{${first},"at":"${at}","before":${canonicalJson(before)},${JSON.stringify(rest).slice(1)}`
  return { address, after, at, before, ...rest, hash: sha256(text) }
}

/** Where the chain is broken, and how, as a sentence. */
export interface ChainBreak {
  /** The entry at which it shows. */
  number: number
  detail: string
}

/** A place in the chain as it is known from the entry after it; its hash is not where that cannot be read. */
interface Known {
  number: number
  hash: string | undefined
}

/**
 * Checks the entries of a log, the latest first. Entries that come meanwhile are newer than the first page,
 * and those that retention removes meanwhile have been read, or are not missed.
 */
export class ChainCheck {
  /** The oldest one. */
  #broken: ChainBreak | undefined
  #breaks = 0
  #checked = 0
  /** The entry that has to come next. */
  #next: Known

  /** `ends` is what the log says of its end in the first page. */
  constructor(ends: ChainEnd) {
    this.#next = ends
  }

  add(entry: AuditEntry): void {
    const { number, hash, previous, problem } = entry
    const next = this.#next
    this.#checked++
    if (number > next.number) {
      this.#break(number, `entry ${number} stands where entry ${next.number} belongs`)
      return
    }
    if (number < next.number) this.#missing(number + 1, next.number)
    if (problem !== undefined) this.#break(number, `entry ${number} cannot be read`)
    else if (hashOfEntry(entry) !== hash) this.#break(number, `entry ${number} is not what was written`)
    else if (number === next.number && next.hash !== undefined && next.hash !== hash)
      this.#break(number, `entry ${number} is not what was written: another hash of it is kept`)
    this.#next = { number: number - 1, hash: problem === undefined ? previous : undefined }
  }

  /** Gives the oldest break; `begins` is what the log says of its beginning in the last page. */
  finish(begins: ChainEnd): { checked: number; breaks: number; broken: ChainBreak | undefined } {
    const { number, hash } = this.#next
    if (begins.number < number) this.#missing(begins.number + 1, number)
    else if (begins.number === number && hash !== undefined && begins.hash !== hash)
      this.#break(number + 1, `entry ${number + 1} does not follow the entries that retention has removed`)
    return { checked: this.#checked, breaks: this.#breaks, broken: this.#broken }
  }

  #missing(first: number, last: number): void {
    this.#break(
      first,
      first === last ? `entry ${first} is missing` : `entries ${first} to ${last} are missing`,
    )
  }

  #break(number: number, detail: string): void {
    this.#breaks++
    this.#broken = { number, detail }
  }
}
