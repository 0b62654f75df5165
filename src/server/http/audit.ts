/*
 * The audit log. The entry of a change is in the transaction of the change; all other entries, of which a
 * flood must neither fill the store nor keep others waiting, go through a tally (audit-tally.ts), and are
 * written beside the calls.
 */
import type { FastifyRequest } from 'fastify'
import { type CallName, callNames, specOf } from '../../protocol/api.ts'
import type { AuditFacts } from '../../protocol/audit-chain.ts'
import { defined, errorText, type Result } from '../../result.ts'
import type { TokenRow } from '../../store/rows.ts'
import type { SealKeys } from '../../store/seal-key.ts'
import type { Store, WriteOptions } from '../../store/store.ts'
import type { Writer } from '../../store/writer.ts'
import type { Log } from '../log.ts'
import type { OutageLog } from '../outage-log.ts'
import { type AuditedChange, bounded } from '../rules/audit-facts.ts'
import type { Refusal } from '../rules/refusal.ts'
import { statusOf } from '../wire/problems.ts'
import { AuditTally, type TalliedKind } from './audit-tally.ts'

/** Adds an entry for what a writer has changed. */
export type Note = (change: AuditedChange) => void

/**
 * Runs a writer, and puts an entry into the audit log with what it has changed, in its transaction; one
 * without a change where it notes none. Where it refuses, it has changed nothing.
 */
export type ChangeStore = <T>(
  writer: (tx: Writer, note: Note) => Promise<Result<T, Refusal>>,
  options?: WriteOptions,
) => Promise<Result<T, Refusal>>

/** Characters of a path, and of a name in it, that an entry keeps. */
const longestText = 256
/** Entries that wait for a store which does not work. */
const mostPending = 1000

export interface AuditParts {
  store: Store
  keys: SealKeys
  log: Log
  outages: OutageLog
}

export class Audit {
  readonly #parts: AuditParts
  readonly #tally = new AuditTally()
  #pending: AuditFacts[] = []
  #dropped = 0
  #writing: Promise<void> | undefined

  constructor(parts: AuditParts) {
    this.#parts = parts
  }

  /**
   * The store through which a handler makes its changes, so that the audit log has them. `namespace`: that of
   * a call about one.
   */
  changesBy(request: FastifyRequest, call: CallName, namespace: string | null): ChangeStore {
    return (writer, options) =>
      this.#parts.store.write(async tx => {
        const changes: AuditedChange[] = []
        const result = await writer(tx, change => changes.push(change))
        if (!result.ok) return result
        const facts = { ...callFacts(request, call), namespace, status: successOf[call] }
        if (changes.length === 0) tx.audit(facts)
        for (const change of changes) this.#put(tx, facts, change)
        request.audited = true
        return result
      }, options)
  }

  #put(tx: Writer, facts: AuditFacts, change: AuditedChange): void {
    const { object, namespace = facts.namespace, status = facts.status, confidential, by } = change
    const [before, after] = [bounded(change.before ?? null), bounded(change.after ?? null)]
    const sealed = confidential ? this.#parts.keys.sealAtRest(JSON.stringify({ before, after })) : undefined
    const caller = by === undefined ? {} : callerFacts(by.token, by.browser_session)
    tx.audit({ ...facts, ...caller, object: plainText(object), namespace, status, before, after }, sealed)
  }

  /** A token that is not valid was sent. */
  failedLogin(request: FastifyRequest, { reason }: Refusal): void {
    const facts = { ...callFacts(request, 'login'), status: statusOf({ reason }), reason }
    this.#count('login', request.address, facts)
  }

  /** A call with a valid token has been answered. */
  answered(request: FastifyRequest, token: TokenRow, status: number, refusal: Refusal | undefined): void {
    const { call } = request.routeOptions.config
    if (call === undefined || request.audited) return
    const kind = refusal === undefined ? 'read' : 'refused'
    if (kind === 'read' ? call !== 'listAudit' : !isAudited(call, token)) return
    const { id, name = id } = textsIn(request.params)
    const { namespace = null } = textsIn(request.query)
    const facts = { ...callFacts(request, call), status, object: plainText(name ?? null) }
    this.#count(kind, token.id, {
      ...facts,
      namespace: plainText(namespace),
      reason: refusal?.reason ?? null,
    })
  }

  #count(kind: TalliedKind, key: string, facts: AuditFacts): void {
    if (this.#tally.takes(kind, key, facts)) this.#add([facts])
  }

  /** Writes what has been counted; called each minute. */
  async endMinute(): Promise<void> {
    this.#add(this.#tally.endMinute())
    await this.#writing
  }

  #add(entries: readonly AuditFacts[]): void {
    for (const entry of entries)
      if (this.#pending.length < mostPending) this.#pending.push(entry)
      else this.#dropped++
    if (this.#pending.length > 0) this.#writing ??= this.#flush()
  }

  async #flush(): Promise<void> {
    const { store, outages, log } = this.#parts
    while (this.#pending.length > 0) {
      const entries = this.#pending.splice(0)
      try {
        const put = async (tx: Writer) => {
          for (const facts of entries) tx.audit(facts)
        }
        await store.write(put, { durable: false })
      } catch (error) {
        this.#pending.unshift(...entries)
        if (!outages.takes(error))
          log('error', 'the audit log cannot be written', { problem: errorText(error) })
        break
      }
    }
    if (this.#dropped > 0 && this.#pending.length === 0) {
      log('error', 'refused calls are missing in the audit log: the store did not take them', {
        calls: this.#dropped,
      })
      this.#dropped = 0
    }
    this.#writing = undefined
  }

  /** Resolves when all that was counted is written, or cannot be. */
  close(): Promise<void> {
    return this.endMinute()
  }
}

/** Whether a refusal of the call with this token belongs into the log. */
function isAudited(call: CallName, token: TokenRow): boolean {
  const { method, access } = specOf(call)
  if (call === 'listAudit') return true
  return method !== 'GET' && !(token.kind === 'runner' && access.every(kind => kind === 'runner'))
}

/** The status with which a call is answered where nothing is refused; the first where there are several. */
const successOf = Object.fromEntries(
  callNames.map(name => [name, Math.min(...Object.keys(specOf(name).answers).map(Number))]),
) as Record<CallName, number>

function callerFacts(token: TokenRow | undefined, browser_session: string | undefined) {
  return {
    token_id: token?.id ?? null,
    token_name: plainText(token?.name ?? null),
    token_kind: token?.kind ?? null,
    ...defined({ browser_session }),
  }
}

function callFacts(request: FastifyRequest, call: string): AuditFacts {
  const { token, browser, address, method, id } = request
  return {
    ...callerFacts(token, browser?.session.id),
    address,
    call,
    method,
    path: plainText(request.url.split('?')[0] ?? ''),
    namespace: null,
    object: null,
    status: null,
    reason: null,
    request_id: id,
    count: 1,
    before: null,
    after: null,
  }
}

/** A text that every store takes. */
function plainText<T extends string | null>(text: T): T
function plainText(text: string | null): string | null {
  return text === null ? null : text.slice(0, longestText).toWellFormed().replaceAll('\0', '\ufffd')
}

/** The texts among the values of an object. */
function textsIn(value: unknown): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(value ?? {}).filter(([, text]) => typeof text === 'string'))
}
