/*
 * Everything that an attached runner tells of itself. Reporters live on these alone (report/attach/lines.ts).
 */
import type { PullProgress } from './executors/image.ts'
import type { JobEnd } from './job/job.ts'
import type { Life } from './link/lifecycle.ts'

/** Which execution it is about. */
export interface JobRef {
  execution_id: string
  job_name: string | null
  image: string
}

export type AttachEvent =
  /**
   * `unable_because`: of a runner that is ready, why it can start no job; `untried`: it has not tried yet
   * whether it can, and `engine:ready` or `engine:failed` follows.
   */
  | {
      event: 'life:changed'
      from: Life['state']
      to: Life['state']
      because?: string
      unable_because?: string
      untried?: boolean
    }
  | { event: 'runner:registered'; runner_id: string; session: number; server: string; name: string }
  | { event: 'registration:failed'; reason: string; message: string }
  /** The server keeps the former values of these fields of the registration. */
  | { event: 'registration:refused'; fields: string[]; message: string }
  | { event: 'connection:lost'; reason: string; message: string }
  | { event: 'connection:back'; seconds: number }
  | { event: 'clock:wrong'; difference_seconds: number }
  | { event: 'engine:ready'; engine: string; address: string }
  | { event: 'engine:failed'; message: string }
  | { event: 'disk:low'; path: string; free: number; least: number }
  | { event: 'disk:enough'; path: string; free: number }
  | ({ event: 'job:accepted'; kind: string; attempt: number } & JobRef)
  | ({ event: 'job:started' } & JobRef)
  | ({ event: 'job:waits'; message: string; seconds: number } & JobRef)
  | ({ event: 'job:ended' } & JobRef & Pick<JobEnd, 'outcome' | 'exit_code' | 'reason' | 'error_message'>)
  | ({ event: 'job:delivered' } & JobRef)
  /** The execution is not this runner's any more, and its files have been removed. */
  | ({ event: 'job:dropped'; message: string } & JobRef)
  | ({ event: 'log:refused'; message: string; bytes: number } & JobRef)
  | ({ event: 'image:pull' } & JobRef & PullProgress)
  /** One that this runner had pulled; `disk` was nearly full. */
  | { event: 'image:removed'; image: string; disk: string }
  /** The masked output of a script. */
  | ({ event: 'script:output'; text: string } & JobRef)
  | { event: 'runner:recovered'; running: number; finished: number; waiting: number; removed: number }
  | { event: 'runner:draining'; executions: number; seconds: number }
  | { event: 'notice'; message: string }

export type EmitAttach = (event: AttachEvent) => void
