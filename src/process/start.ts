import type { ChildProcess } from 'node:child_process'
import type { Readable } from 'node:stream'
import { errorCode, errorText } from '../result.ts'

/** A process to start, and the destination of its output. */
export interface Start {
  /** A path, or a name that is looked for on the PATH of `env`. */
  command: string
  args: readonly string[]
  env: NodeJS.ProcessEnv
  /** Absent: that of this process. */
  cwd?: string
  /** Another user, without the supplementary groups of this process. Only root can set it. */
  uid?: number
  gid?: number
  /** The descriptor that becomes standard output and error, or `pipe` for pipes to this process. */
  output: number | 'pipe'
}

/** The end of a process, or the reason why it never began. */
export type Exit =
  | { kind: 'exited'; code: number }
  | { kind: 'signalled'; signal: NodeJS.Signals }
  | { kind: 'not-started'; message: string }

/** A process that leads a session and a process group of its own, without standard input. */
export interface StartedProcess {
  /** Absent when it could not be started. */
  pid?: number | undefined
  /** Its standard output and error, where `pipe` was asked for. */
  pipes: Readable[]
  /** Settles when the process itself has ended, whatever holds its output open. Never rejects. */
  exited: Promise<Exit>
}

/** Starts a process as the leader of its own session; every failure to do so shows in `exited`. */
export function startProcess({ command, args, output, ...options }: Start): StartedProcess {
  // Loaded with the first process, not with the program: it costs a start several milliseconds.
  const { spawn } = process.getBuiltinModule('node:child_process')
  let child: ChildProcess
  try {
    child = spawn(command, args, { ...options, detached: true, stdio: ['ignore', output, output] })
  } catch (error) {
    return {
      pipes: [],
      exited: Promise.resolve({ kind: 'not-started', message: startMessage(error, command) }),
    }
  }
  const exited = new Promise<Exit>(resolve => {
    child.once('error', error => resolve({ kind: 'not-started', message: startMessage(error, command) }))
    child.once('exit', (code, signal) =>
      resolve(signal === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'signalled', signal }),
    )
  })
  const pipes = [child.stdout, child.stderr].filter(pipe => pipe !== null)
  return { pid: child.pid, pipes, exited }
}

function startMessage(error: unknown, command: string): string {
  switch (errorCode(error)) {
    case 'ENOENT':
      return `${command}: not found`
    case 'E2BIG':
      return `${command}: the environment and the arguments are longer than the system allows`
    case 'ERR_INVALID_ARG_VALUE':
      return `${command}: an argument or environment variable holds a NUL byte`
    default:
      return `${command}: ${errorText(error)}`
  }
}
