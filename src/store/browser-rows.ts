/*
 * The rows of browsers that have signed in, and of the codes with which they may; rows.ts says what `empty…`
 * and `…Needs` are.
 */
import type { BrowserRole } from '../protocol/messages/token-kinds.ts'

/** Milliseconds without a call after which a session is over. */
export const idleLimit = 8 * 3_600_000
/** Milliseconds after which a session with the rights of a token is over, however much it is used. */
const absoluteLimit = 30 * 86_400_000
/** The same for a person without a token: the identity provider is asked again after a day. */
const personLimit = 86_400_000
/** Milliseconds in which a code is good. */
export const codeLasts = 600_000

/** A person whom an identity provider has named; such a person has no token. */
export interface BrowserUser {
  /** UUID that follows from the issuer and the subject: the same at each sign-in. */
  id: string
  /** The claim `sub`. */
  subject: string
  /** The name that is shown to people. */
  name: string
  role: BrowserRole
  /** Where the role holds, `*` being everywhere; null: everywhere. */
  namespaces: string[] | null
}

/** A browser that has signed in. Its calls have the rights of a token, or of a person without one. */
export interface BrowserSessionRow {
  id: string
  /** SHA-256 of the secret in its cookie, hexadecimal. */
  hash: string
  /** SHA-256 of the key that its page sends beside the cookie, hexadecimal. */
  key_hash: string
  created_at: number
  /** The watched time at which it began. */
  watched_at: number
  /** Its last call that was written down, by the store's clock and in watched time. */
  used_at: number
  used_watched_at: number
  /** The token that it has the rights of; null: it has those of `user`. */
  token_id: string | null
  user: BrowserUser | null
  /**
   * The sealed token in which the identity provider has named `user`, and which is sent back at the sign-out;
   * null: none that is useful.
   */
  id_token: string | null
  /** Its cookie goes over TLS alone. */
  secure: boolean
}

export const browserSessionNeeds = [
  'id',
  'hash',
  'key_hash',
  'created_at',
  'watched_at',
  'used_at',
  'used_watched_at',
] as (keyof BrowserSessionRow)[]
export const emptyBrowserSession: Pick<BrowserSessionRow, 'token_id' | 'user' | 'id_token' | 'secure'> = {
  token_id: null,
  user: null,
  id_token: null,
  secure: false,
}

/** The id of what a session has its rights of: a token or a person. */
export const sessionHolder = ({ token_id, user }: BrowserSessionRow): string | null =>
  token_id ?? user?.id ?? null

/** Milliseconds after which a session is over, however much it is used. */
export const limitOf = ({ token_id }: Pick<BrowserSessionRow, 'token_id'>): number =>
  token_id === null ? personLimit : absoluteLimit

/** The watched time from which on a session is over, unless it is used. */
export const sessionUntil = (row: BrowserSessionRow): number =>
  Math.min(row.watched_at + limitOf(row), row.used_watched_at + idleLimit)

/** A code that gives one browser a session with the rights of a token. */
export interface BrowserCodeRow {
  id: string
  /** SHA-256 of its text, hexadecimal. */
  hash: string
  token_id: string
  created_at: number
  /** The watched time at which it was made. */
  watched_at: number
}

export const browserCodeNeeds = ['id', 'hash', 'token_id', 'created_at', 'watched_at'] as const
