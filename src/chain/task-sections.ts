import type { Diagnostic } from '../config/diagnostic.ts'
import { nearest, oneEditAway } from '../config/did-you-mean.ts'
import type { Configuration } from '../config/load.ts'
import { isReservedSection, sections as ownSections } from '../config/sections/all.ts'
import { perTask, task as taskSection } from '../config/sections/task.ts'
import { shown } from '../system/printable.ts'
import type { Task } from './discover.ts'
import { taskName } from './names.ts'
import type { ConfiguredTask } from './planned-task.ts'

/** The settings of one of `tasks`, with complaints about its sections. */
export function settingsOfTask(
  task: Task,
  tasks: readonly Task[],
  configuration: Configuration,
): { task: ConfiguredTask; findings: Diagnostic[] } {
  const sections = sectionsOf(task, tasks)
  const typos = sections.flatMap(section => checkTypos(section, configuration))
  const { settings, texts, findings } = configuration.task(sections)
  return { task: { ...task, settings, texts }, findings: [...typos, ...findings] }
}

/** The sections that set things for a task; the first one that has a key wins. */
function sectionsOf(task: Task, tasks: readonly Task[]): string[] {
  const taken = tasks.some(other => other !== task && other.name === task.alias)
  const names = [task.file, task.name, ...(taken ? [] : [task.alias])]
  return [...new Set(names)].filter(name => !isReservedSection(name))
}

/** Warnings of keys that are one edit away from one that runner reads, or that are of `[runner]` alone. */
function checkTypos(section: string, configuration: Configuration): Diagnostic[] {
  const known = Object.keys(taskSection.keys)
  return [...configuration.section(section)].flatMap(([key, { origin }]) => {
    if (known.includes(key)) return []
    const isOfAll = Object.hasOwn(ownSections.runner.keys, key)
    const meant = known.find(other => oneEditAway(key, other))
    if (!isOfAll && meant === undefined) return []
    const message = `[${section}] sets ${key}, which runner does not read ${isOfAll ? 'there' : ''}`.trimEnd()
    const hint = isOfAll ? `${key} holds for all tasks: write it into [runner]` : `did you mean ${meant}?`
    return [{ severity: 'warning', reason: 'key-unknown', ...origin, message, hint }]
  })
}

/** Complains of tasks with the name of a reserved section, and of sections that set things for no task. */
export function checkSections(configuration: Configuration, tasks: readonly Task[]): Diagnostic[] {
  const names = new Set(tasks.flatMap(task => [task.file, task.name, task.alias]))
  return [
    ...tasks.filter(({ name }) => isReservedSection(name)).map(nameReserved),
    ...configuration.sections
      .filter(section => !names.has(section) && !isReservedSection(section))
      .flatMap(section => checkOrphan(section, configuration, names)),
  ]
}

function nameReserved({ file, name, path }: Task): Diagnostic {
  const message = `[${name}] is a section of runner's own, so it sets nothing for the task ${shown(file)}`
  const hint = `use [${file}] for the task, or rename it`
  return { severity: 'warning', reason: 'name-reserved', file: path, message, hint }
}

function checkOrphan(section: string, configuration: Configuration, names: Iterable<string>): Diagnostic[] {
  const override = [...configuration.section(section)].find(
    ([key]) => Object.hasOwn(perTask, key) || key === 'depends_on',
  )
  if (override === undefined) return []
  const [key, { origin }] = override
  const guess = nearest(taskName(section), names) ?? nearest(section, names)
  const message = `[${section}] sets ${key}, but no task has that name`
  const hint =
    guess === undefined ? '`runner list` shows the tasks and their names' : `did you mean [${shown(guess)}]?`
  return [{ severity: 'warning', reason: 'section-unknown', ...origin, message, hint }]
}
