import type { Diagnostic } from '../config/diagnostic.ts'
import type { Configuration } from '../config/load.ts'
import { shown } from '../system/printable.ts'
import type { ConfiguredTask } from './planned-task.ts'

/**
 * Notices about settings for tasks at once that change nothing: tasks that are free, or run alone, in a chain
 * that runs one task after another, and a `parallel` without a free task.
 */
export function checkParallel(
  { runner, texts }: Configuration,
  tasks: readonly ConfiguredTask[],
): Diagnostic[] {
  const free = tasks.filter(({ settings }) => settings.order === 'free')
  const notice = { severity: 'notice', reason: 'parallel-unused' } as const
  if (runner.parallel > 1 && tasks.length > 1 && free.length === 0) {
    const message = `parallel = ${runner.parallel} changes nothing: no task says that it may overtake others`
    const hint = 'set order = free in the sections of tasks that need not wait for all tasks before them'
    return [{ ...notice, ...texts.get('parallel')?.origin, message, hint }]
  }
  if (runner.parallel > 1) return []
  return tasks.flatMap(({ file, settings, texts: own }): Diagnostic[] => {
    const key = settings.order === 'free' ? 'order' : settings.exclusive ? 'exclusive' : undefined
    if (key === undefined) return []
    const message = `${shown(file)}: ${key} = ${own.get(key)?.value} changes nothing: parallel is 1`
    return [{ ...notice, ...own.get(key)?.origin, message, hint: 'set parallel = 2, or more, in [runner]' }]
  })
}
