import { basename, dirname, resolve } from 'node:path'
import { type Diagnostic, formatDiagnostic } from '../config/diagnostic.ts'
import { nearest, oneEditAway } from '../config/did-you-mean.ts'
import type { Configuration, Setting, TaskSettings } from '../config/load.ts'
import { perTaskKeys, reservedSections, taskKeys } from '../config/schema.ts'
import { shown } from '../process/printable.ts'
import type { Trust } from '../process/trust.ts'
import { discover, type Skipped, type Task } from './discover.ts'
import { envTarget, isEnv } from './env-command.ts'
import { untrusted } from './permissions.ts'
import { orderTasks } from './plan.ts'
import { programsOf, programsOfCommand } from './programs.ts'
import { checkStartable, findCommand } from './startable.ts'

/** A task with all that is known of it before it runs. */
export interface PlannedTask extends Task {
  settings: TaskSettings
  /** The texts of the settings, with where each came from. */
  texts: Map<string, Setting>
  /** File names. */
  dependencies: string[]
}

/** A chain that is fit to run. */
export interface Chain {
  directory: string
  /** In the order in which they run. */
  tasks: PlannedTask[]
  skipped: Skipped[]
  /** Absent where there is none. */
  halt?: { file: string; path: string }
}

export interface PrepareOptions {
  /** Overrules `task_dir`. */
  directory?: string
  /** The environment of the process. */
  env: NodeJS.ProcessEnv
  /** Who may decide what runs; undefined where that does not matter. */
  trust: Trust | undefined
}

/** A chain as far as it could be made out, and all complaints: with an error among them it must not run. */
export interface Prepared {
  chain: Chain
  findings: Diagnostic[]
}

/** Joins configuration and task directory to a chain. */
export function prepareChain(configuration: Configuration, options: PrepareOptions): Prepared {
  const { runner } = configuration
  const directory = options.directory === undefined ? runner.task_dir : resolve(options.directory)
  const halt = { file: runner.halt_task, path: resolve(directory, runner.halt_task) }
  if (dirname(halt.path) === directory) halt.file = basename(halt.path)
  const { tasks, skipped, findings } = discover(directory, halt.path)

  findings.push(...checkSections(configuration, tasks), ...checkRetryFrom(configuration, tasks))
  const planned = tasks.map(task => planTask(task, tasks, configuration, findings))
  const order = resolveOrder(planned, halt.file, findings)

  const path = configuration.env.PATH ?? options.env.PATH
  for (const task of planned) findings.push(...checkTask(task, path))
  const hasHalt = checkHalt(configuration, halt.path, path, findings)
  for (const key of ['task_hook', 'reboot_command'] as const)
    findings.push(...checkWords(key, runner[key], path, configuration.texts.get(key)))
  if (options.trust !== undefined) {
    const all = [...planned, { path: halt.path, settings: runner }]
    const started = [
      ...all.flatMap(({ path: file, settings: { interpreter } }) =>
        interpreter.length === 0
          ? programsOf(file, path)
          : [file, ...programsOfCommand([...interpreter, file], path)],
      ),
      ...[runner.task_hook, runner.reboot_command].flatMap(words => programsOfCommand(words, path)),
    ]
    const files = [directory, ...new Set(started)]
    findings.push(...untrusted(files, options.trust))
  }
  const chain = { directory, tasks: order, skipped, ...(hasHalt ? { halt } : {}) }
  return { chain, findings: unique([...configuration.findings, ...findings]) }
}

/** The directory of included files. */
export function includeDir({ file, texts }: Configuration): string[] {
  const setting = texts.get('include_dir')
  return setting === undefined || file === undefined || setting.value === ''
    ? []
    : [resolve(dirname(file), setting.value)]
}

function unique(findings: readonly Diagnostic[]): Diagnostic[] {
  return [...new Map(findings.map(finding => [formatDiagnostic(finding), finding])).values()]
}

/** The sections that set things for a task, the most telling first. */
function sectionsOf(task: Task, tasks: readonly Task[]): string[] {
  const taken = tasks.some(other => other !== task && other.name === task.alias)
  const names = [task.file, task.name, ...(taken ? [] : [task.alias])]
  return [...new Set(names)].filter(name => !reservedSections.includes(name))
}

function planTask(
  task: Task,
  tasks: readonly Task[],
  configuration: Configuration,
  findings: Diagnostic[],
): PlannedTask {
  const sections = sectionsOf(task, tasks)
  for (const section of sections) {
    for (const [key, { origin }] of configuration.section(section)) {
      const meant = key in taskKeys ? undefined : Object.keys(taskKeys).find(known => oneEditAway(key, known))
      if (meant === undefined) continue
      const message = `[${section}] sets ${key}, which runner does not read`
      findings.push({
        severity: 'warning',
        reason: 'key-unknown',
        ...origin,
        message,
        hint: `did you mean ${meant}?`,
      })
    }
  }
  const { settings, texts, findings: complaints } = configuration.task(sections)
  findings.push(...complaints)
  return { ...task, settings, texts, dependencies: [] }
}

/** Complains of sections that look as if they were meant for a task and name none. */
function checkSections(configuration: Configuration, tasks: readonly Task[]): Diagnostic[] {
  const findings: Diagnostic[] = []
  for (const task of tasks) {
    if (!reservedSections.includes(task.name)) continue
    const message = `[${task.name}] is a section of runner's own, so it sets nothing for the task ${shown(task.file)}`
    const hint = `use [${task.file}] for the task, or rename it`
    findings.push({ severity: 'warning', reason: 'name-reserved', file: task.path, message, hint })
  }
  const names = new Set(tasks.flatMap(task => [task.file, task.name, task.alias]))
  for (const section of configuration.sections) {
    if (names.has(section) || reservedSections.includes(section)) continue
    const entries = [...configuration.section(section)]
    const override = entries.find(([key]) => (perTaskKeys as string[]).includes(key) || key === 'depends_on')
    if (override === undefined) continue
    const guess = nearest(section, names)
    findings.push({
      severity: 'warning',
      reason: 'section-unknown',
      ...override[1].origin,
      message: `[${section}] sets ${override[0]}, but no task has that name`,
      ...(guess === undefined ? {} : { hint: `did you mean [${shown(guess)}]?` }),
    })
  }
  return findings
}

/** The keys of `[runner]` that build-runner had. */
const buildRunnerKeys = [
  'halt_task',
  'include_dir',
  'interpreter',
  'max_time',
  'max_tries',
  'retry_jitter',
  'sleep_time',
  'task_hook',
]

/**
 * build-runner's README and its later code do not agree where a new try begins, so a configuration in its style, with no
 * key in `[runner]` that build-runner had not, or with `compatible`, has to say what it means. One task is both.
 */
function checkRetryFrom(configuration: Configuration, tasks: readonly Task[]): Diagnostic[] {
  const { file, runner, texts } = configuration
  const set = [...texts].flatMap(([key, { origin }]) => (origin === undefined ? [] : key))
  const inItsStyle = set.length > 0 && set.every(key => buildRunnerKeys.includes(key))
  if (tasks.length < 2 || set.includes('retry_from') || !(inItsStyle || runner.compatible)) return []
  const message =
    'retry_from is not set: a new try begins with the first task, as the README of build-runner says; its later code began with the task that had failed'
  const hint =
    'set retry_from = beginning or retry_from = failed in [runner]: docs/how-to/from-build-runner.md'
  return [
    {
      severity: 'notice',
      reason: 'retry-from-unset',
      ...(file === undefined ? {} : { file }),
      message,
      hint,
    },
  ]
}

function resolveOrder(tasks: PlannedTask[], haltTask: string, findings: Diagnostic[]): PlannedTask[] {
  const dependencies = new Map<string, string[]>()
  for (const task of tasks) {
    const origin = task.texts.get('depends_on')?.origin
    for (const wanted of task.settings.depends_on) {
      const matches = findTasks(tasks, wanted)
      if (matches.length === 1 && matches[0] !== task) task.dependencies.push(matches[0]!.file)
      else findings.push({ ...origin, ...dependencyProblem(task, wanted, matches, tasks, haltTask) })
    }
    dependencies.set(task.file, task.dependencies)
  }
  const order = orderTasks(tasks, dependencies)
  if (order.ok) return order.value as PlannedTask[]
  const { path } = order.failure
  const first = tasks.find(task => task.file === path[0])
  const message = `tasks depend on each other in a circle: ${path.map(shown).join(' → ')}`
  const hint = 'take one of them out of a depends_on'
  findings.push({
    severity: 'error',
    reason: 'cycle',
    ...first?.texts.get('depends_on')?.origin,
    message,
    hint,
  })
  return tasks
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
    const names = matches.map(match => shown(match.file)).join(' or ')
    return {
      severity: 'error',
      reason: 'dependency-ambiguous',
      message: `${subject}, which can be ${names}`,
      hint: 'write the file name',
    }
  }
  if (matches.length === 1)
    return {
      severity: 'warning',
      reason: 'dependency-self',
      message: `${subject}, itself; ignored`,
      hint: 'leave it out',
    }
  if (wanted === haltTask)
    return {
      severity: 'error',
      reason: 'dependency-missing',
      message: `${subject}, the halt task, which is no task of the chain`,
      hint: 'leave it out',
    }
  const guess = nearest(
    wanted,
    tasks.filter(other => other !== task).flatMap(other => [other.file, other.name]),
  )
  const hint =
    guess === undefined
      ? `the tasks are ${tasks.map(other => shown(other.file)).join(', ')}`
      : `did you mean ${shown(guess)}?`
  return { severity: 'error', reason: 'dependency-missing', message: `${subject}, which is no task`, hint }
}

function checkTask(task: PlannedTask, path: string | undefined): Diagnostic[] {
  const { interpreter } = task.settings
  const findings: Diagnostic[] = []
  const startable = checkStartable(task.path, interpreter.length > 0, path)
  if (!startable.ok) findings.push({ severity: 'error', file: task.path, ...startable.failure })
  findings.push(...checkWords('interpreter', interpreter, path, task.texts.get('interpreter')))
  return findings
}

/** Whether there is a halt task. */
function checkHalt(
  configuration: Configuration,
  file: string,
  path: string | undefined,
  findings: Diagnostic[],
): boolean {
  const { interpreter } = configuration.runner
  const startable = checkStartable(file, interpreter.length > 0, path)
  if (!startable.ok) {
    const origin = configuration.texts.get('halt_task')?.origin
    if (startable.failure.reason === 'missing' && origin === undefined) return false
    const message = `the halt task ${startable.failure.message}`
    findings.push({ severity: 'error', file, ...startable.failure, message })
  }
  findings.push(...checkWords('interpreter', interpreter, path, configuration.texts.get('interpreter')))
  return true
}

/** Whether the program of a command is there, and what `env` as its program is to start. */
function checkWords(
  key: string,
  [program, ...words]: readonly string[],
  path: string | undefined,
  setting: Setting | undefined,
): Diagnostic[] {
  if (program === undefined) return []
  if (findCommand(program, path) === undefined) return [commandMissing(key, program, setting)]
  // An interpreter gets the task as its last word.
  const all = key === 'interpreter' ? [...words, '/task'] : words
  const target = isEnv(program) ? envTarget(all, path) : undefined
  if (target?.kind !== 'program' || target.program === '/task') return []
  return findCommand(target.program, target.path) === undefined
    ? [commandMissing(key, target.program, setting)]
    : []
}

function commandMissing(key: string, program: string, setting: Setting | undefined): Diagnostic {
  const message = `${key}: ${program} is not there or not executable`
  const hint = program.includes('/') ? 'mend the path, or install it' : 'install it, or write its path'
  return { severity: 'error', reason: 'command-missing', ...setting?.origin, message, hint }
}
