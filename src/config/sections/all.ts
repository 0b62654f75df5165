import { schemaOf } from '../section.ts'
import { env } from './env.ts'
import { executor } from './executor.ts'
import { isNotifySection, notify } from './notify.ts'
import { remote } from './remote.ts'
import { runner } from './runner.ts'
import { server } from './server.ts'
import { task } from './task.ts'

/**
 * Every section of runner's own, in the order in which people read them. A task's section has the name of the
 * task.
 */
export const sections = { runner, env, server, remote, executor }

/** The settings of every section. */
export type AllSettings = {
  [Name in keyof typeof sections]: ReturnType<(typeof sections)[Name]['settings']>
}

/** The sections of which there may be many, by what stands before the dot in their names. */
export const families = { notify }

/** Whether a section is of runner's own, so that no task's section can have its name. */
export const isReservedSection = (name: string): boolean =>
  Object.hasOwn(sections, name) || isNotifySection(name)

/** The schema of every section, and of those of tasks. */
export const schemas = (): Record<string, object> => {
  const all = Object.entries({ ...sections, ...families, task }).map(([name, section]) => [
    name,
    schemaOf(section),
  ])
  return Object.fromEntries(all)
}
