/*
 * Words, the same in code, configuration, events, hooks and documentation:
 *
 *   task      an executable file of the task directory
 *   try       one start of one task; `try_num` counts them
 *   chain     the tasks of a directory in their order
 *   run       one execution of the chain, with an id of its own
 *   halt      what follows a task's exit status 2 and giving up: the halt task runs, then the run ends
 *   hook      the command that gets the stats of each try, before and after it
 *
 * Of later parts: a job is a named definition that a server holds, an execution one attempt at it, a runner
 * the process that takes executions, an executor the container it runs them in, a lease the time for which an
 * execution is a runner's, a group the runners among which a leader is elected.
 */

/** What a try came to; what the chain does next follows from it alone (chain/outcome.ts). */
export type Outcome = 'OK' | 'RETRY' | 'HALT' | 'EXIT' | 'REBOOT' | 'INTERRUPTED'

/** Why a run ended. */
export type RunEnd = 'succeeded' | 'gave-up' | 'halted' | 'exited' | 'reboot' | 'interrupted'

/** A process as it was last seen. */
export interface ProcessFact {
  pid: number
  /** Its command line, at most 200 characters. */
  command: string
}

/** What became of the output of a try. */
export interface LogFact {
  /** Where it is kept; absent when it could not be kept. */
  file?: string
  /** Bytes that the try wrote until it ended. */
  bytes: number
  /** Line feeds among them. */
  lines: number
  /** SHA-256 of what the file held when the try ended, in hexadecimal; with a file only. */
  sha256?: string
  /** Size of the file when the try ended; with a file only. */
  size?: number
  /** Bytes left out of the middle because of `log_limit`. */
  left_out: number
}

/** Which try of what. */
export interface TryRef {
  /** The file name, as hooks know it. */
  task: string
  /** The name, as the configuration knows it. */
  name: string
  kind: 'task' | 'halt'
  try_num: number
}

/** Which hook of which try. */
export type HookRef = TryRef & { hook: 'pre' | 'post' }

/** How a hook ended. */
export interface HookEnd {
  /** What went wrong, in words that follow `the hook`; absent where nothing did. */
  failure?: string
  /** Processes of the hook that runner ended by a signal. */
  killed: ProcessFact[]
  /** Processes of the hook that outlived SIGKILL. */
  survivors: ProcessFact[]
  log: LogFact
  /** The last few lines that it wrote, where it failed. */
  last_lines: string[]
}

/** How a try ended. */
export interface TryEnd {
  outcome: Outcome
  exit_code?: number
  signal?: string
  /** Present where it is not the exit status alone that says what happened. */
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
  /** The last few lines that the try wrote. */
  last_lines: string[]
}

/** A task as it stands in the plan of a run. */
export interface PlannedTaskFact {
  task: string
  name: string
  /** SHA-256 of the file, in hexadecimal; absent where it could not be read. */
  sha256?: string
  /** Absent in records of earlier versions. */
  max_tries?: number
  /** Where the limits in force come from; absent for defaults. */
  max_time_from?: string
  max_tries_from?: string
}

/** Where a run that goes on with an earlier one begins. */
export interface ResumeFact {
  run_id: number
  /** The tasks that it has done, which are not run again. */
  done: string[]
  /** Which try of the chain it goes on with. */
  chain_try: number
  /** The number of the next try of one task, where that counts by itself. */
  task_try?: { task: string; try_num: number }
  /** The end of its last try, a failure from which nothing has followed yet. */
  failed?: TryRef & TryEnd
  /** The task that asked for a reboot which is still to be asked of the system. */
  reboot?: string
  /** How many tries each task has had that has had any; absent in records of earlier versions. */
  tried?: { task: string; tries: number }[]
  /** What was left of its last try, and has been ended. */
  killed: ProcessFact[]
}

/** Why a run that was to go on with the last one begins anew. */
export type NotResumed =
  | 'nothing-to-resume'
  | 'ended'
  | 'other-boot'
  | 'other-plan'
  | 'other-contents'
  | 'unreadable'

/** Everything that happens in a run. The journal and the reporters live on these alone. */
export type Event =
  | {
      event: 'run:started'
      /** The version of the journal's format. */
      format: 1
      run_id: number
      /** Of the kernel: another one is another boot. */
      boot_id: string
      /** Of runner. */
      pid: number
      /** When it started, in clock ticks since boot; with pid and boot id it names the process for good. */
      start_ticks: string
      config_file?: string
      task_dir: string
      run_dir?: string
      tasks: PlannedTaskFact[]
      /** How many reboots in a row the chain has had before it. */
      reboots: number
      max_reboots?: number
      /** Where that comes from; absent for the default. */
      max_reboots_from?: string
      /** The last run before it, where that ended without a word. */
      after_crash_of?: number
      /** Present where only some of the tasks were asked for. */
      partial?: true
      /** Present where it goes on with an earlier run. */
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
      /** The task whose failure is waited after. */
      task: string
      /** The task that the next try begins with. */
      next_task: string
      try_num: number
      max_tries: number
      /** What `try_num` counts the tries of. */
      counts: 'chain' | 'task'
    }
  | ({ event: 'output:late'; bytes: number; hook?: HookRef['hook'] } & TryRef)
  | { event: 'reboot:asked'; task: string; reboots: number; max_reboots: number; command: string }
  | { event: 'task:given-up'; task: string; tries: number; required: boolean }
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

/** Gets every event, in order. A promise asks for patience: output is not read on until it is kept. */
export type Emit = (event: Event) => void | Promise<void>
