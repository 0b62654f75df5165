import type { ClientFailure } from '../../protocol/client/client-failure.ts'

/** The reaction to a failed call. */
export type Meaning =
  /** The same call may succeed later. */
  | 'again'
  /** The token is no longer valid: register again. */
  | 'sign-in'
  /** The server has another data key now: register again, and seal the message again. */
  | 'new-key'
  /** Another process has this runner's session. */
  | 'superseded'
  /** An operator has deleted this runner. */
  | 'deleted'
  /** The execution no longer belongs to this runner. */
  | 'not-held'
  /** The server already has a result of the execution. */
  | 'ended'
  /** The server does not know the execution; it may have been restored from an older backup. */
  | 'unknown'
  /** The server's log of the job has another length: send from there. */
  | 'offset'
  /** The server will refuse the same message every time. */
  | 'refused'
  /** This process has cancelled the call. */
  | 'stopped'

/** The reaction to each reason. A call whose failure may pass is repeated without an end. */
export const meanings: Record<ClientFailure['reason'], Meaning> = {
  // The network, or a proxy: these failures pass, some of them only when somebody has fixed the cause.
  'server-refused': 'again',
  'name-unknown': 'again',
  unreachable: 'again',
  'tls-failed': 'again',
  'proxy-failed': 'again',
  'timed-out': 'again',
  'connection-lost': 'again',
  'gateway-failed': 'again',
  'not-a-server': 'again',
  'answer-invalid': 'again',
  // Passing states of the server.
  'request-timeout': 'again',
  'too-many-requests': 'again',
  'quota-used-up': 'again',
  internal: 'again',
  unavailable: 'again',
  // A newer server may send a problem that this release does not know.
  'unknown-problem': 'again',
  // The token of the caller. Not final: a token can be replaced, and the clock may be wrong right after boot.
  'bad-token': 'sign-in',
  'wrong-token-kind': 'sign-in',
  'identity-taken': 'again',
  'name-taken': 'again',
  'out-of-scope': 'again',
  'unknown-key': 'new-key',
  // Final for this process.
  'session-superseded': 'superseded',
  deleted: 'deleted',
  // Failures of one execution.
  'reservation-expired': 'not-held',
  'not-yours': 'not-held',
  superseded: 'not-held',
  'already-finished': 'ended',
  'not-found': 'unknown',
  'wrong-offset': 'offset',
  // A message that is wrong stays wrong.
  malformed: 'refused',
  'method-not-allowed': 'refused',
  'too-large': 'refused',
  'headers-too-large': 'refused',
  'unsupported-media-type': 'refused',
  // Servers do not send these to runners.
  'already-running': 'refused',
  'queue-full': 'refused',
  'not-finished': 'refused',
  'runner-busy': 'refused',
  'runner-unavailable': 'refused',
  'cross-site': 'refused',
  'wrong-page-key': 'refused',
  'no-role': 'refused',
  'wrong-namespace': 'refused',
  'image-not-allowed': 'refused',
  'backup-invalid': 'refused',
  'key-reused': 'refused',
  stopped: 'stopped',
}

export interface ApiFailure extends ClientFailure {
  meaning: Meaning
  /** The number of the session that made the call. */
  session: number | undefined
}
