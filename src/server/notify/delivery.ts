import type { NotifySettings } from '../../config/sections/notify.ts'
import type { Result } from '../../result.ts'
import type { LookUp } from './checked-lookup.ts'
import type { Message, NotTaken } from './message.ts'

/** A target of notifications, as the configuration has it. */
export type Target = NotifySettings & { name: string }

/** The things that a try needs beside its target and its message. */
export interface NoticeDelivery {
  /** Private addresses too. */
  anywhere: boolean
  now: () => Date
  /** Ends the try. */
  signal: AbortSignal
  /** Undefined: as node:dns does. */
  lookUp?: LookUp | undefined
}

/** A message was taken, with what there is to remark on that, or it was not. */
export type Sent = Result<string | null, NotTaken>

/**
 * Sends a message to a target once; undefined: `stop` has ended the try, and nobody knows whether the message
 * has arrived.
 */
export type Deliver = (target: Target, message: Message, stop: AbortSignal) => Promise<Sent | undefined>
