import type { Configuration } from '../config/load.ts'
import type { Edges } from '../edges.ts'
import type { Emit } from '../event.ts'
import type { NoticeBuffer } from '../journal/notice-buffer.ts'
import type { Chain } from './planned-task.ts'

/** One run of a chain, with everything that it uses. */
export interface RunOptions {
  chain: Chain
  configuration: Configuration
  /** The state directory; undefined where none can be had. */
  state: string | undefined
  /** A directory for files that live only during the run, for use where the state directory fails. */
  temporary: string
  /** The environment of tasks and hooks, without the variables of a single try. */
  env: NodeJS.ProcessEnv
  /** The boot id of the kernel: another id is another boot. */
  bootId: string
  /** Only some of the tasks were asked for. */
  partial: boolean
  /** Resume the last run, if that can be done. */
  resume: boolean
  /** Run the halt task after success. */
  haltAfter: boolean
  edges: Edges
  emit: Emit
  /** Shows an event that is on record already, so that no metrics count it again. */
  show: Emit
  /** The process that held the lock before and was killed, in this boot. */
  killedProcess: number | undefined
  /** Gets the journal of the run. */
  noticeBuffer: NoticeBuffer
  /** Ends the run; its reason is the signal that asked for it. */
  stop: AbortSignal
  /** Ends every grace period. */
  hurry: AbortSignal
}
