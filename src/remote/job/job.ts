import type { InputContext } from '../../protocol/messages/jobs.ts'
import type { Phases, Resources } from '../../protocol/messages/measures.ts'
import type { LogEnd } from './log-follower.ts'
import type { JobKind, Verdict } from './plugin-contract.ts'

/** A job as an executor gets it. */
export interface AssignedJob {
  execution_id: string
  kind: JobKind
  image: string
  /**
   * Which image of this name an earlier attempt got, and this one is to get; null: the server is to be told
   * which one it gets; absent: neither.
   */
  image_digest?: string | null
  runner_group: string
  /** Only a job with the same key may have its container before or after it; absent: no other job. */
  reuse_key?: string
  command?: string[]
  args?: string[]
  env: Record<string, string>
  secret_env: Record<string, string>
  input?: InputContext
  /** Texts that no log may show, beside those in `secret_env`. */
  secrets: string[]
  /** base64 of 32 bytes, for this execution alone; empty: input and output are plain. */
  session_key: string
  release_url: string
  /** Seconds; 0: for ever. */
  max_time_seconds: number
  abort_timeout_seconds: number
  /** Absent: the image's stop signal, else SIGTERM. */
  abort_signal?: string
  max_output_bytes: number
  /** Bytes of its log that are sent; absent in a job of an earlier release: all of it. */
  log_limit?: number
}

/** A runner's right to an execution, as its server knows it. */
export interface Lease {
  lease_id: string
  /** Null: a definition without a name. */
  job_name: string | null
}

/** When the parts of a job's way to its start were done. */
export interface Preparation {
  /** Seconds that its image took. */
  image_seconds: number
  /** RFC 3339, UTC, by the clock of this host: when its image was there. */
  image_at: string
}

export interface JobEnd extends Verdict, LogEnd {
  /** RFC 3339, UTC, by the clock of this host as it was at the end. */
  started_at: string
  finished_at: string
  /** Milliseconds of that clock less the server's, where that was known. */
  clock_offset?: number | undefined
  /** Without those that only the server knows, and the one that lasts until the result is sent. */
  phases?: Phases | undefined
  resources?: Resources | undefined
}
