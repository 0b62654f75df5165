import { hash as digest, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../edges.ts'
import type { Access } from '../protocol/api.ts'
import { fail, ok, type Result } from '../result.ts'
import type { HttpRefusal } from './http-problems.ts'
import { refuse } from './refusal.ts'
import type { Store, TokenRow } from './store/store.ts'
import { Throttle } from './throttle.ts'

/** Tokens remembered at most. */
const mostCached = 50_000

/** SHA-256 of a token's text, hexadecimal, as the store has it. */
export const hashToken = (text: string): string => digest('sha256', text)

/** Says whose token a call carries. */
export class Authenticator {
  readonly #store: Store
  readonly #clock: Clock
  readonly #throttle = new Throttle()
  #cache = new Map<string, TokenRow>()
  /** When tokens of operators were last used, by id; written in the background. */
  #used = new Map<string, number>()
  #unsubscribe: () => void

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
    this.#unsubscribe = store.subscribe(topic => {
      if (topic.about === 'tokens') this.#cache = new Map()
    })
  }

  /** The token of an `Authorization` header, where it is valid and of one of these kinds; with a refusal of another kind too. */
  async authenticate(
    header: string | undefined,
    address: string,
    access: readonly Access[],
  ): Promise<Result<TokenRow, HttpRefusal & { token?: TokenRow }>> {
    const text = /^Bearer +([\x21-\x7e]{1,256})$/i.exec(header ?? '')?.[1]
    if (text === undefined)
      return refuse(
        'bad-token',
        header === undefined
          ? 'this call needs a token: Authorization: Bearer …'
          : 'the Authorization header has no bearer token',
      )
    const hash = hashToken(text)
    const token = this.#cache.get(hash) ?? (await this.#lookUp(hash))
    if (token === undefined || !sameHash(token.hash, hash))
      return this.#failed(
        address,
        hash,
        'the server does not know this token; it may have been revoked; an administrator makes another with `runner token create`',
      )
    if (this.#store.watch.isExpired(token))
      return this.#failed(
        address,
        hash,
        `this token, ${token.name}, expired at ${new Date(token.expires_at ?? 0).toISOString()}; an administrator makes another with \`runner token create\``,
      )
    if (!access.includes(token.kind))
      return fail({
        reason: 'wrong-token-kind',
        detail: `a token of kind ${token.kind} was sent; this call takes ${access.join(' or ')}`,
        token,
      })
    if (token.kind !== 'runner') this.#used.set(token.id, this.#clock.now().getTime())
    return ok(token)
  }

  async #lookUp(hash: string): Promise<TokenRow | undefined> {
    const cache = this.#cache
    const token = await this.#store.read(tx => tx.tokenByHash(hash))
    if (token !== undefined && cache.size < mostCached) cache.set(hash, token)
    return token
  }

  #failed(address: string, hash: string, detail: string): Result<never, HttpRefusal> {
    const wait = this.#throttle.failed(address, hash, this.#clock.monotonic())
    if (wait === undefined) return refuse('bad-token', detail)
    return fail({ reason: 'too-many-requests', detail, retry_after: wait })
  }

  /** Writes down when tokens were last used. */
  async writeLastUse(): Promise<void> {
    const used = this.#used
    if (used.size === 0) return
    this.#used = new Map()
    await this.#store.write(
      async tx => {
        for (const [id, time] of used) {
          const token = await tx.token(id)
          if (token !== undefined && (token.last_used_at ?? 0) < time)
            tx.putToken({ ...token, last_used_at: time })
        }
      },
      { durable: false },
    )
  }

  close(): void {
    this.#unsubscribe()
  }
}

/** In constant time. */
function sameHash(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(one), Buffer.from(other))
}
