/* The types of a call, which follow from its entry in api.ts. */
import type { Static, TSchema } from 'typebox'
import type { api, CallName } from './api.ts'

/** The entry of a call. */
export type Spec<N extends CallName> = (typeof api)[N]

/**
 * The type of the part of a request that a schema describes; `Without` where the call does not have that
 * part.
 */
export type CallPart<N extends CallName, K extends 'params' | 'query' | 'body', Without> =
  Spec<N> extends Record<K, infer S extends TSchema> ? Static<S> : Without

/** The kinds of token that a call takes; never where it needs none. */
export type TokenKindOf<N extends CallName> = Exclude<Spec<N>['access'][number], 'open'>

/** The statuses with which a call is answered. */
export type StatusOf<N extends CallName> = keyof Spec<N>['answers'] & number

/** The answer of a call with a status: a schema, media types, or null. */
export type AnswerSpec<N extends CallName, S extends StatusOf<N>> = Spec<N>['answers'][S]

/** The JSON of an answer that a schema describes. */
export type JsonOf<A> = A extends TSchema ? Static<A> : never
