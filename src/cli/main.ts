import { CommanderError } from '@commander-js/extra-typings'
import { exitStatus } from '../exit-status.ts'
import { sayError } from '../report/say.ts'
import { errorCode, errorText } from '../result.ts'
import type { Finish } from './define-command.ts'
import { makeProgram } from './program.ts'

/** Runs one command; its exit status becomes that of the process. */
async function main(argv: readonly string[]): Promise<void> {
  // By default SIGUSR2 ends a process, and SIGUSR1 opens Node's debugger, which any user of the host can talk
  // to.
  // A warning about the code of a package tells a user nothing that can be done.
  process.noDeprecation = true
  process.on('SIGUSR1', () => {}).on('SIGUSR2', () => {})
  process.stdout.on('error', error => {
    // A reader that has gone, as in `runner list | head -1`, is not an error.
    if (errorCode(error) === 'EPIPE') return
    sayError(`runner: standard output cannot be written: ${errorText(error)}\n`)
    process.exitCode ||= exitStatus.internal
  })
  const finish: Finish = async status => {
    process.exitCode = await status
  }
  try {
    const program = await makeProgram(argv, finish)
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? exitStatus.ok : exitStatus.usage
      return
    }
    if ((error as NodeJS.ErrnoException).syscall === 'uv_cwd') {
      sayError('runner: the working directory has been removed; change to another one\n')
      process.exitCode = exitStatus.config
      return
    }
    const said = error instanceof Error ? error.message : String(error)
    sayError(`runner: internal error: ${said}\n`)
    if (argv.includes('-v') || argv.includes('--verbose')) sayError(`${(error as Error).stack}\n`)
    process.exitCode = exitStatus.internal
  }
}

if (import.meta.main) void main(process.argv.slice(2))
