import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
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
  const lasting = state !== undefined && plain.test(state)
  const folder = lasting ? state : temporaryFolder()
  const { createHash } = process.getBuiltinModule('node:crypto')
  const path = join(folder, `config-cmd-${createHash('sha256').update(script).digest('hex').slice(0, 8)}`)
  writeFileSync(path, script, { mode: 0o700 })
  return {
    // Through sh, because a temporary directory may be mounted noexec.
    value: `/bin/sh ${path}`,
    [Symbol.dispose]() {
      if (!lasting) rmSync(folder, { recursive: true, force: true })
    },
  }
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
