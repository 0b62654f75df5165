/**
 * Every exit status of the program, in one place: they are an interface (docs/reference/configuration.md).
 */
export const exitStatus = {
  ok: 0,
  gaveUp: 1,
  halted: 2,
  exited: 3,
  /** Another run of the same task directory is under way. */
  locked: 4,
  /** A reboot was asked for. */
  reboot: 5,
  /** Of `status`: the process of the run has gone without a word. */
  crashed: 6,
  /** Of commands about runs: there is none on record. Of `drain`: no runner is attached. */
  noRun: 7,
  /** Of commands to a server: it knows no such job, execution, runner, group or token. */
  notFound: 7,
  /** Of commands that wait for a job: it failed without an exit status from 1 to 255 of its own. */
  jobFailed: 1,
  /** … it was aborted. */
  jobAborted: 8,
  /** … its runner was not heard of again. */
  jobLost: 9,
  /**
   * `logs` of a log that is not there, with `--verify` of one that is not whole; `get --require` of a key
   * that is not there.
   */
  missing: 1,
  /** Of `audit verify`: an entry is missing, or is not what was written. */
  chainBroken: 1,
  /** Of `doctor`: something is wrong. */
  unwell: 1,
  usage: 64,
  /** Of `server`: its store or its address cannot be had. Of commands to one: it cannot be reached. */
  unavailable: 69,
  /** A bug in runner itself, or an edge of it that broke. */
  internal: 70,
  /** Of `attach`: another process has taken this runner's identity over. */
  superseded: 75,
  /**
   * Of commands to a server: it does not do what was asked. Of `drain`: the process belongs to another user.
   */
  refused: 77,
  config: 78,
  interrupted: { SIGINT: 130, SIGTERM: 143 },
} as const
