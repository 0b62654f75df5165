import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What a shell takes as one word without quotes, and a glob as itself. */
const plain = /^[\w./+:@%,=-]+$/

/** The value of RUNNER_CONFIG_CMD. */
export interface ConfigCommand extends Disposable {
  value: string
}

/**
 * The command that tasks look values up with. Scripts use it unquoted, so each of its words must survive the
 * splitting and globbing of a shell: where a path would not, a small script under a plain name stands in for it,
 * in the state directory if that has a plain path (so that what a task leaves in the background can go on using
 * it), else in a temporary directory that goes with the run.
 */
export function configCommand(
  launcher: string,
  file: string | undefined,
  state: string | undefined,
): ConfigCommand {
  const config = file ?? '/dev/null'
  if (plain.test(launcher) && plain.test(config))
    return { value: `${launcher} -c ${config}`, [Symbol.dispose]() {} }

  const script = `#!/bin/sh\nexec ${quote(launcher)} -c ${quote(config)} "$@"\n`
  if (state !== undefined && plain.test(state) && isOurs(state)) {
    try {
      const path = join(state, 'config-cmd')
      const name = process.getBuiltinModule('node:crypto').hash('sha256', script, 'hex').slice(0, 8)
      return { value: `/bin/sh ${install(script, `${path}-${name}`)}`, [Symbol.dispose]() {} }
    } catch {
      // A full disk, perhaps: another one may have room.
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
        // What cannot be removed stays; it is no reason for a run to fail.
      }
    },
  }
}

/** Puts a script at a path in one step, so that none is ever read by half. */
function install(script: string, path: string): string {
  const fresh = `${path}.${process.pid}`
  rmSync(fresh, { force: true })
  writeFileSync(fresh, script, { mode: 0o700, flag: 'wx' })
  renameSync(fresh, path)
  return path
}

/** Whether nobody else can put files into a directory. */
function isOurs(directory: string): boolean {
  const { uid, mode } = statSync(directory)
  return uid === process.geteuid?.() && (mode & 0o022) === 0
}

function temporaryFolder(): string {
  const candidates = [tmpdir(), '/tmp', '/var/tmp', '/dev/shm'].filter(folder => plain.test(folder))
  for (const candidate of candidates.slice(0, -1)) {
    try {
      return mkdtempSync(join(candidate, 'runner-'))
    } catch {
      // The next one.
    }
  }
  return mkdtempSync(join(candidates.at(-1)!, 'runner-'))
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`
}
