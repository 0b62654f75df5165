import { findTasks } from '../../chain/dependencies.ts'
import type { Chain, PlannedTask } from '../../chain/planned-task.ts'
import { nearest } from '../../config/did-you-mean.ts'
import { fail, ok, type Result } from '../../result.ts'

/** The words of `--only` and `--from`. */
export interface Selection {
  only: readonly string[]
  from?: string | undefined
}

/** The task that a person means by a word, among those that run; a message where there is none. */
export function findTask(tasks: readonly PlannedTask[], word: string): Result<PlannedTask, string> {
  const [found, ...more] = findTasks(tasks, word)
  if (found !== undefined && more.length === 0) return ok(found)
  if (more.length > 0) return fail(`more than one task is called ${word}; write the file name`)
  const guess = nearest(
    word,
    tasks.flatMap(task => [task.file, task.name]),
  )
  return fail(
    `no task is called ${word}; ` +
      (guess === undefined ? '`runner list` shows them' : `did you mean ${guess}?`),
  )
}

/** The chain without the tasks that `--only` and `--from` leave out. */
export function selectTasks(chain: Chain, { only, from }: Selection): Result<Chain, string> {
  let { tasks } = chain
  const find = (word: string): Result<number, string> => {
    const found = findTask(chain.tasks, word)
    return found.ok ? ok(chain.tasks.indexOf(found.value)) : found
  }
  if (from !== undefined) {
    const start = find(from)
    if (!start.ok) return start
    tasks = tasks.slice(start.value)
  }
  if (only.length > 0) {
    const wanted = new Set<number>()
    for (const word of only) {
      const index = find(word)
      if (!index.ok) return index
      wanted.add(index.value)
    }
    tasks = tasks.filter(task => wanted.has(chain.tasks.indexOf(task)))
  }
  if (tasks.length === 0 && chain.tasks.length > 0)
    return fail('--from and --only leave no task; `runner list` shows them in their order')
  return ok({ ...chain, tasks })
}
