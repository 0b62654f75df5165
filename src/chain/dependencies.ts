import type { Diagnostic } from '../config/diagnostic.ts'
import { nearest } from '../config/did-you-mean.ts'
import { shown } from '../system/printable.ts'
import type { Task } from './discover.ts'
import { orderTasks } from './order.ts'
import type { ConfiguredTask, PlannedTask } from './planned-task.ts'

/**
 * The tasks in the order in which they run, with their dependencies resolved; as they come where there is a
 * circle.
 */
export function orderByDependencies(
  tasks: readonly ConfiguredTask[],
  haltTask: string,
): { tasks: PlannedTask[]; findings: Diagnostic[] } {
  const findings: Diagnostic[] = []
  const planned = tasks.map(task => {
    const origin = task.texts.get('depends_on')?.origin
    const dependencies = task.settings.depends_on.flatMap(wanted => {
      const matches = findTasks(tasks, wanted)
      if (matches.length === 1 && matches[0] !== task) return [matches[0]!.file]
      findings.push({ ...origin, ...dependencyProblem(task, wanted, matches, tasks, haltTask) })
      return []
    })
    return { ...task, dependencies }
  })
  const order = orderTasks(planned, new Map(planned.map(task => [task.file, task.dependencies])))
  if (order.ok) return { tasks: order.value, findings }
  return { tasks: planned, findings: [...findings, circle(planned, order.failure.path)] }
}

function circle(tasks: readonly PlannedTask[], path: readonly string[]): Diagnostic {
  const origin = tasks.find(task => task.file === path[0])?.texts.get('depends_on')?.origin
  const message = `tasks depend on each other in a circle: ${path.map(shown).join(' → ')}`
  const hint = 'take one of them out of a depends_on'
  return { severity: 'error', reason: 'cycle', ...origin, message, hint }
}

/** The tasks that a person can mean by a word: by file name, else by name, else by build-runner's name. */
export function findTasks<T extends Task>(tasks: readonly T[], word: string): T[] {
  for (const key of ['file', 'name', 'alias'] as const) {
    const matches = tasks.filter(task => task[key] === word)
    if (matches.length > 0) return matches
  }
  return []
}

function dependencyProblem(
  task: Task,
  wanted: string,
  matches: readonly Task[],
  tasks: readonly Task[],
  haltTask: string,
): Omit<Diagnostic, 'file' | 'line'> {
  const subject = `${shown(task.file)} depends on ${shown(wanted)}`
  if (matches.length > 1) {
    const message = `${subject}, which can be ${matches.map(match => shown(match.file)).join(' or ')}`
    return { severity: 'error', reason: 'dependency-ambiguous', message, hint: 'write the file name' }
  }
  if (matches.length === 1) {
    const message = `${subject}, itself; ignored`
    return { severity: 'warning', reason: 'dependency-self', message, hint: 'leave it out' }
  }
  const missing = { severity: 'error', reason: 'dependency-missing' } as const
  if (wanted === haltTask) {
    const message = `${subject}, the halt task, which is not a task of the chain`
    return { ...missing, message, hint: 'leave it out' }
  }
  const others = tasks.filter(other => other !== task)
  const guess = nearest(
    wanted,
    others.flatMap(other => [other.file, other.name]),
  )
  const hint =
    guess === undefined
      ? `the tasks are ${tasks.map(other => shown(other.file)).join(', ')}`
      : `did you mean ${shown(guess)}?`
  return { ...missing, message: `${subject}, which is not a task`, hint }
}
