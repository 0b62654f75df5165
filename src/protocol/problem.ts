/**
 * Every problem that an answer can name, with its HTTP status and its title: `type` is
 * `urn:runner:problem:<reason>`.
 */
export const problems = {
  malformed: [400, 'The request cannot be understood'],
  'bad-token': [401, 'No token, or one that is not valid'],
  'wrong-token-kind': [403, 'This kind of token may not do this'],
  'cross-site': [403, 'The page of another site made this call'],
  'wrong-page-key': [403, 'The key of the page is missing or wrong'],
  'no-role': [403, 'This person has no role here'],
  'wrong-namespace': [403, 'The token does not hold in this namespace'],
  'out-of-scope': [403, 'The registration token does not allow this'],
  'image-not-allowed': [403, 'The namespace does not take this image'],
  'not-yours': [403, 'This belongs to another runner'],
  'not-found': [404, 'Not found'],
  'method-not-allowed': [405, 'This cannot be done with it'],
  'request-timeout': [408, 'The request took too long to arrive'],
  'session-superseded': [409, 'A newer session of this runner has taken over'],
  'name-taken': [409, 'Another runner has this name'],
  'identity-taken': [409, 'This UUID belongs to another key'],
  'already-running': [409, 'Another execution of the job has not ended'],
  'queue-full': [409, 'As many runs of the job wait as may'],
  'already-finished': [409, 'It has ended already'],
  'not-finished': [409, 'It has not ended yet'],
  'reservation-expired': [409, 'The reservation is not held any more'],
  'wrong-offset': [409, 'The log continues at another offset'],
  'runner-busy': [409, 'The runner has no free slot'],
  'runner-unavailable': [409, 'No such runner can take it now'],
  deleted: [410, 'It was deleted'],
  superseded: [410, 'A later attempt has taken its place'],
  'too-large': [413, 'The request is too large'],
  'unsupported-media-type': [415, 'This media type is not understood'],
  'unknown-key': [422, 'It cannot be opened with the key in force'],
  'backup-invalid': [422, 'The backup cannot be restored; nothing has changed'],
  'key-reused': [422, 'The idempotency key was used with another body'],
  'quota-used-up': [429, 'A quota is used up; wait'],
  'too-many-requests': [429, 'Too many requests failed; wait'],
  'headers-too-large': [431, 'The headers of the request are too large'],
  internal: [500, 'The server failed; its log says more'],
  unavailable: [503, 'The server cannot answer now'],
} as const satisfies Record<string, readonly [number, string]>

export type ProblemReason = keyof typeof problems

const prefix = 'urn:runner:problem:'

/** The `type` of a problem. */
export const problemType = (reason: ProblemReason): string => `${prefix}${reason}`

/** The reason that a problem document names; undefined for those of other programs, a proxy for example. */
export function problemReason(type: unknown): ProblemReason | undefined {
  if (typeof type !== 'string' || !type.startsWith(prefix)) return undefined
  const reason = type.slice(prefix.length)
  return Object.hasOwn(problems, reason) ? (reason as ProblemReason) : undefined
}
