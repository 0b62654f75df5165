/*
 * The events of a run. The words are those of docs/glossary.md, the same in code, configuration, hooks and
 * documents.
 */

/** The outcome of a try; the next step of the chain follows from it alone (chain/outcome.ts). */
export type Outcome = 'OK' | 'RETRY' | 'HALT' | 'EXIT' | 'REBOOT' | 'INTERRUPTED'

/** The reason for the end of a run. */
export type RunEnd = 'succeeded' | 'gave-up' | 'halted' | 'exited' | 'reboot' | 'interrupted'

/** A process at the last look. */
export interface ProcessFact {
  pid: number
  /** Its command line, at most 200 characters. */
  command: string
}

/** The output of a try, and its file. */
export interface LogFact {
  /** The file that keeps it; absent where it could not be kept. */
  file?: string
  /** Bytes of output until the end of the try. */
  bytes: number
  /** Line feeds among them. */
  lines: number
  /** SHA-256 of the file at the end of the try, in hexadecimal; with a file only. */
  sha256?: string
  /** Size of the file at the end of the try; with a file only. */
  size?: number
  /** Bytes left out of the middle because of `log_limit`. */
  left_out: number
}

/** One try of one task. */
export interface TryRef {
  /** The file name, as hooks know it. */
  task: string
  /** The name, as the configuration knows it. */
  name: string
  kind: 'task' | 'halt'
  try_num: number
}

/** One hook of one try, or the `condition_command` that is asked before it. */
export type HookRef = TryRef & { hook: 'pre' | 'post' | 'condition' }

/** The end of a hook. */
export interface HookEnd {
  /** The failure in words that follow `the hook`; absent where there is none. */
  failure?: string
  /** The exit status of a `condition_command`: 0 says yes, 1 to 254 say no. */
  exit_code?: number
  /** Processes of the hook that runner ended by a signal. */
  killed: ProcessFact[]
  /** Processes of the hook that outlived SIGKILL. */
  survivors: ProcessFact[]
  log: LogFact
  /** The last few lines of its output, where it failed. */
  last_lines: string[]
}

/** The end of a try. */
export interface TryEnd {
  outcome: Outcome
  exit_code?: number
  signal?: string
  /** Present where the exit status alone does not explain the end. */
  failure?:
    | { reason: 'not-started'; message: string }
    | { reason: 'timed-out'; max_time: number }
    | { reason: 'not-ended'; message: string }
  /** Processes of the try that runner ended by a signal. */
  killed: ProcessFact[]
  /** Processes of the try that outlived SIGKILL. */
  survivors: ProcessFact[]
  /** RFC 3339, UTC. */
  started_at: string
  duration_seconds: number
  log: LogFact
  /** The last few lines of its output. */
  last_lines: string[]
}

/** A task in the plan of a run. */
export interface PlannedTaskFact {
  task: string
  name: string
  /** SHA-256 of the file, in hexadecimal; absent where it could not be read. */
  sha256?: string
  /** Absent in records of earlier versions. */
  max_tries?: number
  /** The places of the limits in force; absent for defaults. */
  max_time_from?: string
  max_tries_from?: string
  /** The value of the key `run` of the task; absent for `always`. */
  run?: string
  /** Files of the tasks that must be done before it; absent for none. */
  depends_on?: string[]
  /** Present where it does not wait for all tasks before it. */
  order?: 'free'
  /** Present where it runs alone. */
  exclusive?: true
}

/** The point at which a run resumes an earlier one. */
export interface ResumeFact {
  run_id: number
  /** The tasks that the earlier run has done, which are not run again. */
  done: string[]
  /** The number of the try of the chain that is resumed. */
  chain_try: number
  /** The number of the next try of one task, where that counts by itself. */
  task_try?: { task: string; try_num: number }
  /** The same of further tasks, where several were under way. */
  more_task_tries?: { task: string; try_num: number }[]
  /** The end of its last try, a failure that has had no consequence yet. */
  failed?: TryRef & TryEnd
  /** The same of further tasks, where several were under way. */
  more_failed?: (TryRef & TryEnd)[]
  /** The task that asked for a reboot, if the system has not been asked for it yet. */
  reboot?: string
  /** The tasks that have begun and are not done: their conditions are not asked again. */
  begun?: string[]
  /** The tasks among `done` that were skipped. */
  skipped?: SkipFact[]
  /** The number of tries of each task that has had any; absent in records of earlier versions. */
  tried?: { task: string; tries: number }[]
  /** Processes that were left of its last tries, and have been ended. */
  killed: ProcessFact[]
}

/** A task that was skipped. */
export interface SkipFact {
  task: string
  name: string
  /** The key of its section by which it was skipped. */
  key: string
  /** The text of that key. */
  value?: string
  /** The reason, in words that follow `skipped: `. */
  message: string
}

/** The reason why a run that was to resume the last one begins anew. */
export type NotResumed =
  | 'nothing-to-resume'
  | 'ended'
  | 'other-boot'
  | 'other-plan'
  | 'other-contents'
  | 'unreadable'

/** Every event of a run. Journal and reporters use nothing else. */
export type Event =
  | {
      event: 'run:started'
      /** The version of the journal's format: 2 where several tasks may be under way at once. */
      format: 1 | 2
      run_id: number
      /** The boot id of the kernel: another id is another boot. */
      boot_id: string
      /** The pid of runner. */
      pid: number
      /** The time of its start, in clock ticks since boot; with pid and boot id it identifies the process. */
      start_ticks: string
      config_file?: string
      task_dir: string
      run_dir?: string
      tasks: PlannedTaskFact[]
      /** The number of reboots in a row before this run of the chain. */
      reboots: number
      max_reboots?: number
      /** The place of that setting; absent for the default. */
      max_reboots_from?: string
      /** The last run before it, if that crashed. */
      after_crash_of?: number
      /** Present where only some of the tasks were asked for. */
      partial?: true
      /** The most tasks that may be under way at once; absent for 1. */
      parallel?: number
      /** Present where it resumes an earlier run. */
      resumes?: ResumeFact
    }
  | { event: 'run:not-resumed'; reason: NotResumed; message: string }
  | ({
      event: 'try:started'
      try_id: string
      max_tries: number
      max_time: number
      /** The file for its output. */
      log?: string
    } & TryRef)
  | ({ event: 'try:running'; pid: number; start_ticks: string } & TryRef)
  | ({ event: 'try:output'; data: Uint8Array } & TryRef)
  | ({ event: 'try:limit'; max_time: number } & TryRef)
  | ({ event: 'try:ended' } & TryRef & TryEnd)
  | ({
      event: 'hook:started'
      /** The value of RUNNER_HOOK_ID in its environment. */
      hook_id: string
      /** The file for its output. */
      log?: string
    } & HookRef)
  | ({ event: 'hook:running'; pid: number; start_ticks: string } & HookRef)
  | ({ event: 'hook:output'; data: Uint8Array } & HookRef)
  | ({ event: 'hook:ended' } & HookRef & HookEnd)
  | {
      event: 'chain:waiting'
      /** Seconds until the next try. */
      delay_seconds: number
      /** The task whose failure made the chain wait. */
      task: string
      /** The task that the next try begins with. */
      next_task: string
      try_num: number
      max_tries: number
      /** The object whose tries `try_num` counts. */
      counts: 'chain' | 'task'
    }
  | ({ event: 'output:late'; bytes: number; hook?: HookRef['hook'] } & TryRef)
  | { event: 'reboot:asked'; task: string; reboots: number; max_reboots: number; command: string }
  | { event: 'task:given-up'; task: string; tries: number; required: boolean }
  | ({ event: 'task:skipped' } & SkipFact)
  | {
      /** A task that is not to run always has succeeded. */
      event: 'task:done'
      task: string
      /** Whether the record of it is on disk, by which later runs skip the task. */
      recorded: boolean
    }
  | { event: 'run:stopping'; signal: string; immediately: boolean }
  | { event: 'notice'; reason: NoticeReason; message: string }
  | {
      event: 'run:ended'
      run_id: number
      reason: RunEnd
      exit_status: number
      /** The task that decided it. */
      task?: string
      tasks_done: number
      /** The number of skipped tasks among them; absent for none. */
      tasks_skipped?: number
      duration_seconds: number
      failure?: Pick<TryEnd, 'exit_code' | 'signal' | 'failure' | 'last_lines'>
    }

export type NoticeReason =
  | 'no-halt-task'
  | 'state-lost'
  | 'log-lost'
  | 'syslog-lost'
  | 'systemd-lost'
  | 'metrics-lost'
  | 'left-over'
  | 'still-running'
  | 'reboot-pending'
  | 'no-reboot'
  | 'lock-lost'
  | 'waiting-for-lock'
  | 'not-shown'
  | 'already-ended'
  | 'record-lost'

/** Gets every event, in order. A promise asks the caller to wait: no more output is read until it is kept. */
export type Emit = (event: Event) => void | Promise<void>
