/* The types of requests, answers and events, which follow from the entry of a call in api.ts. */
import type { Static, TSchema } from 'typebox'
import type { CallName } from '../api.ts'
import type { CallPart, Spec } from '../call-types.ts'

type Given<K extends string, V> = [V] extends [never]
  ? { [key in K]?: undefined }
  : Record<string, never> extends V
    ? { [key in K]?: V }
    : { [key in K]: V }

/** The request of a call. */
export type Request<N extends CallName> = Given<'params', CallPart<N, 'params', never>> &
  Given<'query', CallPart<N, 'query', never>> &
  (Spec<N> extends { bodyType: string }
    ? { body: Uint8Array }
    : Spec<N> extends { body: TSchema }
      ? { body: CallPart<N, 'body', never> }
      : { body?: undefined }) &
  (Spec<N> extends { session: true } ? { session: number } : { session?: undefined }) &
  (Spec<N> extends { idempotent: true } ? { idempotencyKey?: string } : { idempotencyKey?: undefined }) & {
    /** Ends the call: it fails with `stopped`. */
    signal?: AbortSignal
    /** Seconds that the server may take on purpose before it answers. */
    waitSeconds?: number
  }

/** An answer that is judged in parts may lack each of them. */
type Fitting<S extends TSchema> = S extends { inParts: true } ? Partial<Static<S>> : Static<S>
type AnswerOf<S> = S extends TSchema ? Fitting<S> : S extends null ? undefined : string
/** The answer of a call: JSON, nothing, or text. */
export type Answer<N extends CallName> = {
  [S in keyof Spec<N>['answers']]: AnswerOf<Spec<N>['answers'][S]>
}[keyof Spec<N>['answers']]

type Events<N extends CallName> =
  Spec<N> extends Record<'events', infer E extends Record<string, TSchema>> ? E : never
/** An event of a stream, with its data. */
export type ServerEvent<N extends CallName> = {
  [E in keyof Events<N> & string]: { event: E; data: Fitting<Events<N>[E]>; id?: string }
}[keyof Events<N> & string]
