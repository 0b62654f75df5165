/*
 * The contract between an attached runner and a backend, the place where jobs run.
 *
 * A runner prepares an image, opens a slot, places a job in the slot, writes the state of that place to its
 * spool, and starts the job. Placing starts nothing, and starting comes after the state is on disk, so
 * nothing runs that is not on record. The state is opaque: the spool keeps it, and the backend that made it
 * is the only one that understands it. A runner that starts after a crash hands the state to `recover` and
 * gets the same job again.
 *
 *   prepare ─► open ─► place ─► (the spool syncs the state) ─► start ─► exited ─► keep ─► discard
 *                        │                                       │          ▲
 *                        │                                       └─ detach, or a crash ─► recover
 *                        └── takeBack: the slot is as it was
 *
 * No caller knows more than this file of containers, files, processes or calls. Whatever a backend cannot
 * promise is one of its facts.
 */
import type { Result } from '../../result.ts'
import type { PullProgress } from './image.ts'

/** Where jobs run: an engine of containers on this host, the host itself, a cluster. */
export interface ExecutorBackend {
  /** The name that `JobState.backend` has. */
  readonly name: string
  /**
   * Describes all slots of this runner, so that a person can find them: `the containers with the label …`.
   */
  readonly slotsText: string
  /** The requirements of the backend on this host, each with its finding. The call asks no other process. */
  requirements(): Promise<readonly Requirement[]>
  /**
   * Runs a job of runner's own through the whole hand-over. A runner takes no work before this has succeeded
   * once.
   */
  probe(signal: AbortSignal): Promise<Result<Facts, Failure>>
  /** Whether the backend answers now. Cheap: it is asked every 20 s, and after each failure. */
  health(signal: AbortSignal): Promise<Result<Facts, Failure>>
  /** Gets what a job needs before it can have a slot. The signal ends the wait of this caller alone. */
  prepare(
    need: Need,
    onProgress: (progress: PullProgress) => void,
    signal: AbortSignal,
  ): Promise<Result<Prepared, Failure>>
  /** Makes a slot; resolves when a job can be placed in it. `prepared` is one of this backend's. */
  open(prepared: Prepared, options: SlotOptions, signal: AbortSignal): Promise<Result<Slot, OpenFailure>>
  /**
   * All slots of this runner, of earlier processes too: those that live, those that are dead, and bare
   * remains of one.
   */
  list(): Promise<Result<SlotRef[], Failure>>
  /** Ends a slot with all that runs in it, and removes it. Closing a slot that is gone succeeds. */
  close(ref: SlotRef): Promise<Result<void, Failure>>
  /**
   * Finds a job by the state of its place, whether it runs, has ended or was never started. Looks into
   * `keptDir` first. `lost`: nothing is left of the job, and it may have run. `state-unknown`:
   * another backend, or a newer release, has written the state; the job is to be left alone.
   */
  recover(state: JobState, keptDir: string, signal: AbortSignal): Promise<Result<JobHandle, Failure>>
  /**
   * The files of a job that `keep` has put away. Asks nobody outside this host; a job without such files has
   * none.
   */
  kept(state: JobState, keptDir: string): KeptFiles
  /** Removes images that nobody has wanted for long, where a disk is nearly full. */
  reclaim(): Promise<void>
}

export interface Requirement {
  /** The name of its check in `runner doctor`: `busybox`. */
  readonly name: string
  /** The thing that was found, if it is right. */
  readonly found: string
  /** The problem with it, and how to solve the problem. */
  readonly problem: string | undefined
}

/** The nature and the promises of a backend. `runner doctor` and the documents print them. */
export interface Facts {
  /** Tells this backend from another one at the same address. */
  readonly id: string
  /** For people: `Debian GNU/Linux 12 (bookworm)`, `unix:///var/run/docker.sock`. */
  readonly system: string
  readonly address: string
  /** Where jobs and images are kept, and bytes that are free there. A path may be on another machine. */
  readonly disks: readonly { path: string; free: number | undefined }[]
  /**
   * The advice for a person who needs room on these disks: `remove images …`; undefined: the backend keeps
   * nothing there.
   */
  readonly makeRoom: string | undefined
  /** The word for a slot in texts for people: `container`. */
  readonly slot: string
  /** The capabilities that the backend adds to the configured ones of a runner. */
  readonly capabilities: readonly string[]
  /** Why each slot takes one job alone; undefined: a slot that a job leaves clean takes another one. */
  readonly once: string | undefined
  /** Whether it takes plugins; all backends take commands. */
  readonly plugins: boolean
  /** `runner`: a running job survives the end of the runner. `nothing`: it does not. */
  readonly outlives: 'runner' | 'nothing'
  /** The part that enforces the time limit of a job. */
  readonly timeLimit: 'job' | 'slot' | 'runner'
  /** Which ends it can tell from others. */
  readonly tells: { readonly oom: boolean; readonly disk: boolean; readonly neverStarted: boolean }
  /** Whether it can tell what a job has used. */
  readonly measures: boolean
  /** Whether what a job writes is kept while no runner is there. */
  readonly logWithoutRunner: boolean
  /** When what a job writes can be read: at once, or with the end of its line at the latest when it ends. */
  readonly logComes: 'at-once' | 'by-line'
  /** The limit on the disk of a job, and how well it is enforced; undefined: there is none. */
  readonly diskLimit: DiskLimit | undefined
  /** What a successful probe has shown, for people: `one ran in a container, and its output came back`. */
  readonly tried: string
  /** Lines for people about how it works: `storage driver overlay2`. */
  readonly notes: readonly string[]
}

/** Sentences for people. */
export interface DiskLimit {
  /** The disk use that counts against the limit, and the part that enforces it. */
  readonly holds: string
  /** The disk use that does not count here, and how to change that; undefined: everything counts. */
  readonly gap: string | undefined
}

/** Whether the same call can succeed later: when the backend answers again, soon, or never. */
export type Retry = 'when-back' | 'soon' | 'never'

export interface Failure {
  readonly reason: FailureReason
  /** A sentence for people. */
  readonly message: string
  readonly retry: Retry
}

export type FailureReason =
  /** The backend. */
  | 'engine-unreachable'
  | 'engine-timeout'
  | 'engine-refused'
  | 'not-found'
  | 'conflict'
  /** The things that a job needs. */
  | 'image-not-allowed'
  | 'image-missing'
  | 'image-not-pulled'
  | 'image-unusable'
  /**
   * A slot. `no-network`: there is none left for it. `files-left`: it is gone and takes no place, but some of
   * its files, or its network, are still there.
   */
  | 'executor-not-started'
  | 'no-network'
  | 'executor-lost'
  | 'files-left'
  /** A job. `spool-lost`: its files cannot be made or kept. */
  | 'no-command'
  | 'job-invalid'
  | 'spool-lost'
  /** Failures of `recover`. */
  | 'lost'
  | 'state-unknown'
  /** Failures of `probe`: an obstacle between runner and backend. */
  | 'helper-missing'
  | 'directory-unusable'
  | 'runtime-unknown'
  | 'remote-engine'
  | 'other-path'
  | 'selinux'
  | 'user-namespace'
  | 'docker-desktop'
  | 'hand-over-failed'

export interface OpenFailure extends Failure {
  /** Some of the slot may still be there: it is to be closed. */
  readonly left?: SlotRef | undefined
}

/** The needs of a job before it has a slot. */
export interface Need {
  /** The image of the container. */
  readonly image: string
  /**
   * Which image of that name, whatever it is called now: `sha256:…`; undefined: the one that is called so
   * now.
   */
  readonly digest?: string | undefined
  /** Whether a plugin is to run in it. */
  readonly plugin?: boolean | undefined
}

/** The result of the preparation for a job. Each backend adds its own fields. */
export interface Prepared {
  /** Slots with the same key are alike: the id of an image, by its content. */
  readonly key: string
  /**
   * The digest by which another host gets the same under the same name: `sha256:…`; undefined: there is no
   * such digest.
   */
  readonly digest?: string | undefined
}

export interface SlotOptions {
  /**
   * 32 hexadecimal digits. The caller chooses it, so that a slot whose opening was cut short can be found.
   */
  readonly slotId: string
  /** The group of the runner, for people who look at slots. */
  readonly group: string
  /** Takes one job alone. */
  readonly ephemeral: boolean
}

/** Names a slot, also one of an earlier process. Plain data. */
export interface SlotRef {
  readonly id: string
  /** Empty where that is not known. */
  readonly key: string
}

/** A place for one job at a time. */
export interface Slot {
  readonly ref: SlotRef
  /** Whether another job may follow, as far as that is known: a job may spoil the slot. */
  readonly reusable: boolean
  /** A hint that asks nobody: `place` and `start` tell. */
  readonly alive: boolean
  /**
   * Gets everything ready for a job and starts nothing. `keptDir` is the directory of the job in the spool:
   * there `keep` puts files, under the names `leaf`, `log` and `shelf`, which the spool does not use.
   */
  place(job: ExecutorJob, keptDir: string): Promise<Result<Placed, Failure>>
  /**
   * After a job, which has been kept: makes the slot as it was. `spoiled`: that cannot be done, or cannot be
   * told.
   */
  clean(): Promise<'clean' | 'spoiled'>
}

/** A job, as a backend gets it. Times are in seconds. */
export interface ExecutorJob {
  /** A UUID, or 32 hexadecimal digits. */
  readonly id: string
  /** Instead of the image's entry point and command. */
  readonly command?: readonly string[] | undefined
  /** Instead of the image's command. */
  readonly args?: readonly string[] | undefined
  /** Variables beside those of the image. */
  readonly env: Readonly<Record<string, string>>
  /** The same, of values that nobody else may read. */
  readonly secretEnv: Readonly<Record<string, string>>
  /**
   * Of a plugin: its input as its file has it, and the key that opens the input and seals the output; empty:
   * both are plain. The backend adds INPUT_LOCATION, OUTPUT_LOCATION, SESSION_KEY and RELEASE_URL to the
   * environment, over all that has these names. A plugin that stays for further jobs gets its input and key
   * by another way, which its SDK has for that; or `clear`, the input as it was before it was sealed, and
   * then its output is plain.
   */
  readonly plugin?:
    | {
        readonly input: string
        readonly sessionKey: string
        readonly releaseUrl: string
        readonly clear?: string
      }
    | undefined
  /** 0: none. */
  readonly limit: number
  /** Between the signal and SIGKILL. */
  readonly grace: number
  /** `SIGTERM`, `15`; undefined: the image's stop signal, else SIGTERM. */
  readonly signal?: string | undefined
}

/** Finds a job again. Plain data, which only the backend that made it understands. */
export interface JobState {
  readonly backend: string
  /** The version of the form of `data`. */
  readonly version: number
  readonly data: unknown
}

/** A job that has everything but its start. Exactly one of `start` and `takeBack` is called, once. */
export interface Placed {
  /** Finds the job, whether it was started or not. */
  readonly state: JobState
  /** Starts it: from here on it may have run. To be called only when the state is on disk. */
  start(): Promise<Result<JobHandle, Failure>>
  /** Removes the job from the slot. False: something of it is left, and the slot has to go. */
  takeBack(): Promise<boolean>
}

/** The files of a job on the disk. */
export interface KeptFiles {
  /**
   * The output of the job, unchanged, from any offset in bytes. While the job lives the iteration waits for
   * more, and it ends after the last byte. An aborted signal ends it early, without an error. A missing log
   * ends it in the same way.
   */
  log(from: number, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** Bytes of the whole log; waits for the end of the job. */
  logLength(): Promise<number>
  /** Removes all kept files but the log. Can be repeated. */
  trim(): Promise<Result<void, Failure>>
  /** Removes everything, the log too. Can be repeated. */
  discard(): Promise<Result<void, Failure>>
}

/** A job that was started, or may have been. */
export interface JobHandle extends KeptFiles {
  readonly state: JobState
  /** Its slot; undefined: nothing is left of that. */
  readonly slot: SlotRef | undefined
  /**
   * `never`: it has not started and never will; for that the backend ends a slot which could still start it.
   * Stays pending after `detach`.
   */
  readonly started: Promise<Date | 'never'>
  /** Why it has not started yet, where that takes a while: `no node of the cluster can take its pod`. */
  readonly waiting?: string | undefined
  /** Why it has never started, once `started` says so; undefined: the slot ended before that. */
  readonly neverBecause?: Failure | undefined
  /**
   * Settles when nothing of the job lives any more. Stays pending where it never started, and after `detach`.
   */
  readonly exited: Promise<JobExit>
  /** After the exit: the output that a plugin has left, of at most `max` bytes; undefined: it left none. */
  output(max: number): Promise<Result<Uint8Array | undefined, Failure>>
  /** Asks the job to end: its signal, its grace, then SIGKILL. Twice is once, and the first reason wins. */
  stop(why: 'aborted' | 'lease-lost'): void
  /**
   * After the exit: puts log and output where neither the slot nor the next job can reach them. From then on
   * the slot is free. Can be repeated after a failure.
   */
  keep(): Promise<Result<void, Failure>>
  /** Watches the job no more, and ends all iterations of its log; the job runs on. */
  detach(): void
}

/** The resources that a job has used. A backend leaves out the fields that it cannot measure. */
export interface JobResources {
  /** The seconds on all processors together. */
  readonly cpuSeconds?: number | undefined
  /** The most memory that it had at once, with the caches of files that it read and wrote. */
  readonly peakMemoryBytes?: number | undefined
}

/**
 * The end of a job. `startedAt` and `at` are by the clock of this host as it was at the end, and apart by the
 * time that the job ran. `code` is 128 and the number of a signal if a signal ended the program.
 */
export type JobExit = {
  readonly startedAt: Date
  readonly at: Date
  readonly resources?: JobResources | undefined
} & (
  | { readonly by: 'status'; readonly code: number }
  /** `stop` came first, in this process or in an earlier one. */
  | { readonly by: 'stopped'; readonly code: number | undefined }
  | { readonly by: 'time-limit'; readonly code: number | undefined }
  | { readonly by: 'oom'; readonly code: number | undefined }
  /** The log says why the program could not be started. */
  | { readonly by: 'not-startable'; readonly code: number }
  /** It wrote more than it may, or nobody could tell how much. */
  | { readonly by: 'disk'; readonly code: number | undefined; readonly message: string }
  /** The slot went, and nobody knows what the program would have said. */
  | { readonly by: 'lost' | 'evicted' | 'node-lost' | 'preempted'; readonly message: string }
)
