import { TaskGate } from '../../chain/gate.ts'
import type { Chain, PlannedTask } from '../../chain/planned-task.ts'
import { fail, ok, type Result } from '../../result.ts'
import { findTask } from './select-tasks.ts'

/** The tasks of `--again`: those of the chain that runs. */
export function tasksOfAgain(words: readonly string[], chain: Chain): Result<PlannedTask[], string> {
  const tasks: PlannedTask[] = []
  for (const word of words) {
    const found = findTask(chain.tasks, word)
    if (!found.ok) return found
    tasks.push(found.value)
  }
  return ok(tasks)
}

/**
 * Removes the records that tasks have succeeded, so that they run again, whatever becomes of this run. The
 * failure is a message.
 */
export function forget(
  tasks: readonly PlannedTask[],
  options: { state: string; taskDir: string; bootId: string },
): Result<void, string> {
  const gate = new TaskGate(options)
  for (const task of tasks) {
    const problem = gate.forget(task)
    if (problem !== undefined)
      return fail(`${task.file} cannot be run again: ${problem}; nothing has been run`)
  }
  return ok(undefined)
}
