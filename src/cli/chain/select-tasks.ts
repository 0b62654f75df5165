import { findTasks } from '../../chain/dependencies.ts'
import type { Chain } from '../../chain/planned-task.ts'
import { nearest } from '../../config/did-you-mean.ts'
import { fail, ok, type Result } from '../../result.ts'

/** The words of `--only` and `--from`. */
export interface Selection {
  only: readonly string[]
  from?: string | undefined
}

/** The chain without the tasks that `--only` and `--from` leave out. */
export function selectTasks(chain: Chain, { only, from }: Selection): Result<Chain, string> {
  let { tasks } = chain
  const find = (word: string): Result<number, string> => {
    const [found, ...more] = findTasks(chain.tasks, word)
    if (found !== undefined && more.length === 0) return ok(chain.tasks.indexOf(found))
    const guess = nearest(
      word,
      chain.tasks.flatMap(task => [task.file, task.name]),
    )
    if (more.length > 0) return fail(`more than one task is called ${word}; write the file name`)
    return fail(
      `no task is called ${word}; ` +
        (guess === undefined ? '`runner list` shows them' : `did you mean ${guess}?`),
    )
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
