import type { Diagnostic } from '../config/diagnostic.ts'
import type { Configuration } from '../config/load.ts'
import type { Setting } from '../config/setting.ts'
import { envTarget, isEnv } from './env-command.ts'
import { findCommand } from './find-command.ts'
import type { ConfiguredTask } from './planned-task.ts'
import { checkStartable } from './startable.ts'

/** Complaints about a task that cannot be started. */
export function checkTask(task: ConfiguredTask, path: string | undefined): Diagnostic[] {
  const { interpreter } = task.settings
  const startable = checkStartable(task.path, interpreter.length > 0, path)
  return [
    ...(startable.ok ? [] : [{ severity: 'error' as const, file: task.path, ...startable.failure }]),
    ...checkWords('interpreter', interpreter, path, task.texts.get('interpreter')),
  ]
}

/** Complaints about a condition_command that is missing, and about a `watch` that nothing reads. */
export function checkGate({ settings, texts }: ConfiguredTask, path: string | undefined): Diagnostic[] {
  const { condition_command, run, watch } = settings
  const words = condition_command.flatMap(({ value }) => value)
  const missing = checkWords('condition_command', words, path, texts.get('condition_command'))
  if (watch.length === 0 || run === 'on-change') return missing
  const { origin } = texts.get('watch') ?? {}
  const message = 'watch is set, and runner reads it only with run = on-change'
  const hint = 'set run = on-change too; a key for the task itself is fine'
  return [...missing, { severity: 'notice', reason: 'watch-unused', ...origin, message, hint }]
}

/** Whether there is a halt task, and complaints if it cannot be started. The default one may be missing. */
export function checkHalt(
  { runner, texts }: Configuration,
  file: string,
  path: string | undefined,
): { exists: boolean; findings: Diagnostic[] } {
  const { interpreter } = runner
  const words = checkWords('interpreter', interpreter, path, texts.get('interpreter'))
  const startable = checkStartable(file, interpreter.length > 0, path)
  if (startable.ok) return { exists: true, findings: words }
  const { origin } = texts.get('halt_task') ?? {}
  if (startable.failure.reason === 'missing') {
    if (origin === undefined) return { exists: false, findings: [] }
    const message = `halt_task: there is no file ${file}`
    const hint = 'write its name as it is in the task directory, make it, or leave halt_task out'
    return {
      exists: true,
      findings: [{ severity: 'error', ...startable.failure, ...origin, message, hint }, ...words],
    }
  }
  const message = `the halt task ${startable.failure.message}`
  return { exists: true, findings: [{ severity: 'error', file, ...startable.failure, message }, ...words] }
}

/** Complaints about a command whose program is missing, or which starts a missing one by env(1). */
export function checkWords(
  key: string,
  [program, ...words]: readonly string[],
  path: string | undefined,
  setting: Setting | undefined,
): Diagnostic[] {
  if (program === undefined) return []
  if (findCommand(program, path) === undefined) return [commandMissing(key, program, setting)]
  // An interpreter gets the task as its last word.
  const all = key === 'interpreter' ? [...words, '/task'] : words
  const target = isEnv(program) ? envTarget(all, path) : undefined
  if (target?.kind !== 'program' || target.program === '/task') return []
  return findCommand(target.program, target.path) === undefined
    ? [commandMissing(key, target.program, setting)]
    : []
}

function commandMissing(key: string, program: string, setting: Setting | undefined): Diagnostic {
  const message = `${key}: ${program} is not there or not executable`
  const hint = program.includes('/') ? 'fix the path, or install it' : 'install it, or write its path'
  return { severity: 'error', reason: 'command-missing', ...setting?.origin, message, hint }
}
