/** A task as far as its start depends on it. */
export interface Waiting {
  file: string
  /** File names; those that are not in the chain are ignored. */
  dependencies: readonly string[]
  settings: { order: 'name' | 'free'; exclusive: boolean }
}

/** The progress of a chain. */
export interface ChainProgress {
  /** Files of the tasks that are done. */
  done: Pick<ReadonlySet<string>, 'has'>
  /** Files of the tasks that have begun, and have not ended. */
  underWay: Pick<ReadonlySet<string>, 'has' | 'size'>
}

/**
 * The tasks that may start now, in the order of the chain, which `tasks` have. A task waits
 *
 * - for the tasks that it depends on to be done;
 * - for all tasks before it to be done, unless its `order` is `free`;
 * - for fewer than `parallel` tasks to be under way;
 * - if it is `exclusive`, for no task to be under way. Nothing starts beside it, and no later task starts
 *   while it waits for this alone.
 *
 * While no task is under way and some are not done, the result is not empty.
 */
export function tasksToStart<T extends Waiting>(
  tasks: readonly T[],
  { done, underWay }: ChainProgress,
  parallel: number,
): T[] {
  const start: T[] = []
  if (underWay.size >= parallel) return start
  if (underWay.size > 0 && tasks.some(task => task.settings.exclusive && underWay.has(task.file)))
    return start
  const left = new Set<string>()
  for (const task of tasks) {
    if (done.has(task.file)) continue
    const isFirst = left.size === 0
    left.add(task.file)
    if (underWay.has(task.file)) continue
    if (!isFirst && (task.settings.order === 'name' || task.dependencies.some(file => left.has(file))))
      continue
    if (task.settings.exclusive) return underWay.size + start.length === 0 ? [task] : start
    start.push(task)
    if (underWay.size + start.length >= parallel) return start
  }
  return start
}
