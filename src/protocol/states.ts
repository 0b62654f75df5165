/*
 * The life of an execution, one attempt at a job.
 *
 *            ┌────────────── not confirmed in time ─────────────┐
 *            ▼                                                  │
 *   submit ► queued ───── a runner asks for work ─────────► reserved ── confirm ─► running ─► succeeded | failed
 *            │  │                                               │                 │  ▲ │  │
 *            │  └─ an attempt came back: withdrawn           abort                │  │ │  └ abort ► aborting ► aborted
 *            │                                                  ▼                 │  │ │             (or succeeded)
 *            └─ abort: aborted; waited too long: failed      aborted    lease end │  │ heartbeat or result in time
 *                                                                                 ▼  │
 *                                                                                 lost (final once it is superseded)
 */

/** Every state, with what it says and who moves an execution in and out of it. */
export const stateTexts = {
  queued: 'waits for a runner; the server moves it on',
  reserved: 'handed to a runner that has not confirmed it yet; its deadline takes it back to the queue',
  running: 'confirmed by a runner, whose heartbeats keep its lease',
  aborting: 'running, and its runner has been told to end it',
  succeeded: 'ended with 0, says its runner',
  failed: 'ended otherwise, says its runner; or could not be started, says the server',
  aborted: 'ended because it was asked to',
  lost: 'its lease ended; provisional as long as finished_at is null: its runner may come back with it',
  withdrawn: 'a queued attempt that was not needed, since the one before it came back',
} as const

export type ExecutionState = keyof typeof stateTexts
export const executionStates = Object.keys(stateTexts) as ExecutionState[]

/** States in which an execution takes one of its runner's slots. */
export const heldStates: readonly ExecutionState[] = ['reserved', 'running', 'aborting']
/** States that can end no more; `lost` ends with `finished_at`. */
export const endStates: readonly ExecutionState[] = ['succeeded', 'failed', 'aborted', 'withdrawn']
