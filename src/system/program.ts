import { defined, fail, ok, type Result } from '../result.ts'

/** The output of a program. */
export interface ProgramOutput {
  stdout: string
  stderr: string
}

export interface ProgramFailure extends ProgramOutput {
  reason: 'not-started' | 'timed-out' | 'failed'
  /** Its exit status, where it ended by itself. */
  status?: number
  /** The first line that it wrote on stderr, else how it ended, with its command. */
  message: string
}

export interface ProgramOptions {
  /** Seconds after which it is killed. */
  limit?: number
}

/**
 * Bytes that are kept of each output: more than any of these programs writes, and a text that Node can hold.
 */
const mostOutput = 2 ** 28

/**
 * Runs a program of this host to its end, with nothing to read. The program outlives this process: one that
 * removes files should not stop half-way. Tasks, hooks and the other programs of `runner run` use
 * node:child_process, because execa, which does the work here, takes longer to load than a short run
 * (docs/decisions/2026-11-29-the-asked-for-packages.md).
 */
export async function runProgram(
  command: string,
  args: readonly string[],
  { limit }: ProgramOptions = {},
): Promise<Result<ProgramOutput, ProgramFailure>> {
  const { execa } = await import('execa')
  const done = await execa(command, args, {
    stdin: 'ignore',
    reject: false,
    cleanup: false,
    killSignal: 'SIGKILL',
    maxBuffer: mostOutput,
    ...defined({ timeout: limit && limit * 1000 }),
  })
  const { stdout = '', stderr = '' } = done
  if (!done.failed) return ok({ stdout, stderr })
  const { exitCode: status, timedOut, shortMessage } = done
  const reason = timedOut
    ? 'timed-out'
    : status === undefined && !done.isTerminated
      ? 'not-started'
      : 'failed'
  const message = stderr.trim().split('\n')[0] || (shortMessage ?? `${command} has failed`)
  return fail({ reason, message, stdout, stderr, ...defined({ status }) })
}
