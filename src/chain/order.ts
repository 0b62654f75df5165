import { fail, ok, type Result } from '../result.ts'
import type { Task } from './discover.ts'

/** A cycle among the dependencies: each task depends on the next, the last on the first. */
export interface Cycle {
  reason: 'cycle'
  path: string[]
}

/**
 * The order of a chain: each task after all it depends on, and among those that are ready always the first by
 * name. `dependencies` gives for a file name the files that it depends on; all of them are among `tasks`,
 * which come ordered by name.
 */
export function orderTasks<T extends Task>(
  tasks: readonly T[],
  dependencies: ReadonlyMap<string, readonly string[]>,
): Result<T[], Cycle> {
  const done = new Set<string>()
  const left = [...tasks]
  const ordered: T[] = []
  while (left.length > 0) {
    const ready = left.findIndex(task => (dependencies.get(task.file) ?? []).every(file => done.has(file)))
    if (ready === -1) return fail({ reason: 'cycle', path: findCycle(left, dependencies) })
    const [task] = left.splice(ready, 1)
    done.add(task!.file)
    ordered.push(task!)
  }
  return ok(ordered)
}

/**
 * Every task in `left` has a dependency in `left`, so a path along dependencies must return to one of its
 * tasks.
 */
function findCycle(left: readonly Task[], dependencies: ReadonlyMap<string, readonly string[]>): string[] {
  const stuck = new Set(left.map(task => task.file))
  const path: string[] = []
  let file = left[0]!.file
  while (!path.includes(file)) {
    path.push(file)
    file = dependencies.get(file)!.find(dependency => stuck.has(dependency))!
  }
  return [...path.slice(path.indexOf(file)), file]
}
