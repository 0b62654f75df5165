import type { ExecutionState } from '../protocol/states.ts'

/** The subject of a change, for those who wait for it. */
export type Topic =
  | { about: 'queue'; queue: string }
  /** The messages of its command channel, or its permission to take work. */
  | { about: 'runner'; id: string }
  /** It has a free slot again: for its reserve alone. */
  | { about: 'slot'; runner_id: string }
  | { about: 'execution'; id: string }
  /** An execution has ended for good. */
  | { about: 'end'; id: string; namespace: string; state: ExecutionState }
  | { about: 'log'; id: string }
  | { about: 'tokens' }
  /** Sessions of browsers have ended. */
  | { about: 'browsers' }
  | { about: 'audit' }
  | { about: 'notice' }
  /** A pause of schedules: of one namespace, or of all. */
  | { about: 'schedules'; namespace: string | null }
  /** The changes of a commit have numbers (change.ts); once for each commit. */
  | { about: 'changes' }
