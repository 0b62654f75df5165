import type { Diagnostic } from '../config/diagnostic.ts'
import type { Keys } from '../config/key.ts'
import type { Configuration } from '../config/load.ts'
import { sections } from '../config/sections/all.ts'
import { defined } from '../result.ts'
import type { Task } from './discover.ts'

/**
 * A notice for a configuration that does not say where a new try begins, if build-runner may have been meant:
 * it has no key in `[runner]` that build-runner did not have, or it has `compatible`. The README of
 * build-runner and its later code disagree about it. With one task there is no difference.
 */
export function checkRetryFrom(configuration: Configuration, tasks: readonly Task[]): Diagnostic[] {
  const { file, runner, texts } = configuration
  const set = [...texts].flatMap(([key, { origin }]) => (origin === undefined ? [] : key))
  const keys: Keys = sections.runner.keys
  const inItsStyle = set.length > 0 && set.every(key => keys[key]?.inherited)
  if (tasks.length < 2 || set.includes('retry_from') || !(inItsStyle || runner.compatible)) return []
  const message =
    'retry_from is not set: a new try begins with the first task, as the README of build-runner says; ' +
    'its later code began with the task that had failed'
  const hint =
    'set retry_from = beginning or retry_from = failed in [runner]: docs/how-to/from-build-runner.md'
  return [{ severity: 'notice', reason: 'retry-from-unset', ...defined({ file }), message, hint }]
}
