import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isPlainWord, shellQuote } from '../system/shell-quote.ts'

/** The value of RUNNER_CONFIG_CMD. */
export interface ConfigCommand extends Disposable {
  value: string
}

/**
 * The command that tasks look values up with. Scripts use it unquoted, so each of its words must survive the
 * splitting and globbing of a shell: where a path would not, a small script under a plain name stands in for
 * it, in the state directory if that has a plain path (so that processes that a task leaves in the background
 * can still use it), else in a temporary directory that goes with the run.
 */
export function configCommand(
  launcher: string,
  file: string | undefined,
  state: string | undefined,
): ConfigCommand {
  const config = file ?? '/dev/null'
  if (isPlainWord(launcher) && isPlainWord(config))
    return { value: `${launcher} -c ${config}`, [Symbol.dispose]() {} }

  const script = `#!/bin/sh\nexec ${shellQuote(launcher)} -c ${shellQuote(config)} "$@"\n`
  if (state !== undefined && isPlainWord(state) && isOurs(state)) {
    try {
      const path = join(state, 'config-cmd')
      const name = process.getBuiltinModule('node:crypto').hash('sha256', script, 'hex').slice(0, 8)
      return { value: `/bin/sh ${install(script, `${path}-${name}`)}`, [Symbol.dispose]() {} }
    } catch {
      // The disk may be full, and another one may have room.
    }
  }
  const folder = temporaryFolder()
  return {
    // Through sh, because a temporary directory may be mounted noexec.
    value: `/bin/sh ${install(script, join(folder, 'config-cmd'))}`,
    [Symbol.dispose]() {
      try {
        rmSync(folder, { recursive: true, force: true })
      } catch {
        // A script that cannot be removed stays: it must not fail the run.
      }
    },
  }
}

/** Puts a script at a path in one step, so that no process reads half of it. */
function install(script: string, path: string): string {
  const fresh = `${path}.${process.pid}`
  rmSync(fresh, { force: true })
  writeFileSync(fresh, script, { mode: 0o700, flag: 'wx' })
  renameSync(fresh, path)
  return path
}

/** Whether no other user can put files into a directory. */
function isOurs(directory: string): boolean {
  const stats = statSync(directory, { throwIfNoEntry: false })
  return stats !== undefined && stats.uid === process.geteuid?.() && (stats.mode & 0o022) === 0
}

function temporaryFolder(): string {
  const candidates = [tmpdir(), '/tmp', '/var/tmp', '/dev/shm'].filter(folder => isPlainWord(folder))
  for (const candidate of candidates.slice(0, -1)) {
    try {
      return mkdtempSync(join(candidate, 'runner-'))
    } catch {
      // The next one.
    }
  }
  return mkdtempSync(join(candidates.at(-1)!, 'runner-'))
}
