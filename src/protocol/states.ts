/*
 * The life of an execution, one attempt at a job.
 *
 *            ┌────────────── not confirmed in time ─────────────┐
 *            ▼                                                  │
 *   submit ► queued ─── a runner asks for work ───────────► reserved ─ confirm ► running ► succeeded | failed
 *            │  │                                               │               │  ▲ │ │
 *            │  └─ not needed any more: withdrawn            abort              │  │ │ └ abort ► aborting ┐
 *            │                                                  ▼               │  │ │                    ▼
 *            └─ abort: aborted; waited too long: failed      aborted            │  │ │  aborted, or succeeded
 *                                                                     lease end │  │ heard of again in time
 *                                                                               ▼  │
 *                                                                               lost (final once superseded)
 *
 * A queued execution that a runner lists, since the store was restored from a backup that was made before the
 * confirm, is reserved for that runner until it confirms it again; where the runner is too old for that, it
 * is running at once.
 */

/** Every state, with its meaning and with the events that move an execution in and out of it. */
const stateTexts = {
  queued: 'waits for a runner, or for its time or its turn before that; the server moves it on',
  reserved: 'handed to a runner that has not confirmed it yet; its deadline takes it back to the queue',
  running: 'confirmed by a runner, whose heartbeats keep its lease',
  aborting: 'running, and its runner has been told to end it',
  succeeded: 'ended with 0, says its runner',
  failed: 'ended otherwise, says its runner; or could not be started, says the server',
  aborted: 'ended because it was asked to',
  lost: 'its lease ended; provisional while finished_at is null: its runner may come back with it',
  withdrawn:
    'a queued attempt that was not needed: ' +
    'the one before it came back, or a newer run has taken its place (reason replaced)',
} as const

export type ExecutionState = keyof typeof stateTexts
export const executionStates = Object.keys(stateTexts) as ExecutionState[]

/** The states of a notification: `failed` after a day of tries, or where its target is not there. */
export const noticeStates = ['waiting', 'sent', 'failed'] as const
export type NoticeState = (typeof noticeStates)[number]

/** States in which an execution takes one of its runner's slots. */
export const heldStates: readonly ExecutionState[] = ['reserved', 'running', 'aborting']
/** States in which an execution has ended; a lost one has ended once it has `finished_at`. */
export const endStates: readonly ExecutionState[] = ['succeeded', 'failed', 'aborted', 'withdrawn']
