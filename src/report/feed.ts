import type { Clock } from '../edges.ts'
import { errorCode, errorText } from '../result.ts'

/** A program that reads a message from its standard input, and then ends. */
export interface Feed {
  command: string
  args: readonly string[]
  input?: string | undefined
  /** Seconds that the program gets. */
  timeout: number
  clock: Clock
}

/**
 * Runs a program of the system that passes a message on; resolves at its end, to the problem if there was
 * one. Never rejects.
 */
export function feed({ command, args, input, timeout, clock }: Feed): Promise<string | undefined> {
  const { spawn } = process.getBuiltinModule('node:child_process')
  const over = new AbortController()
  return new Promise<string | undefined>(resolve => {
    const end = (problem?: string) => {
      over.abort()
      resolve(problem)
    }
    let child: ReturnType<typeof spawn>
    try {
      // The program has a session of its own: a Ctrl-C must not end it before it has passed on the end of the
      // run.
      child = spawn(command, args, { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
    } catch (error) {
      return end(errorText(error))
    }
    child.on('error', error =>
      end(errorCode(error) === 'ENOENT' ? `${command}(1) is not installed` : errorText(error)),
    )
    child.on('exit', (code, signal) => {
      if (code === 0) return end()
      end(`${command}(1) ended ${signal === null ? `with status ${code}` : `by ${signal}`}`)
    })
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
    clock.sleep(timeout, over.signal).then(() => child.kill('SIGKILL'))
  })
}
